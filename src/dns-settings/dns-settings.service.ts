import { changeResource } from '../audit-log/change-resource.js';
import type { Actor } from '../contract/actor.js';
import type { Database, Tx } from '../db/client.js';
import { MailroomError } from '../errors.js';
import { dnsServerFault } from './dns-server.js';
import type { DnsSettings, DnsSettingsUpdate } from './dns-settings.contract.js';
import type { DnsSettingsRepository, DnsSettingsRow } from './dns-settings.repository.js';

export interface DnsSettingsParts {
  database: Database;
  settings: DnsSettingsRepository;
  /** Throws when a stored SMTP secret would go wherever DNS points, and the caller does not show that they know it. */
  refuseRedirect(tx: Tx, servers: string[], secret: string | null | undefined): Promise<void>;
  /** Called after a change was committed, so that mail that waits for it goes out now. */
  changed(): void;
}

export interface VersionedDnsSettings {
  settings: DnsSettings;
  version: number;
}

export class DnsSettingsService {
  constructor(private readonly parts: DnsSettingsParts) {}

  async get(): Promise<VersionedDnsSettings> {
    return shown(await this.parts.settings.read());
  }

  /** @throws MailroomError DNS_SERVER_INVALID, SMTP_PASSWORD_REQUIRED, PRECONDITION_FAILED */
  async put(actor: Actor, { servers = [], smtpPassword }: DnsSettingsUpdate, ifMatch: string | undefined): Promise<VersionedDnsSettings> {
    const { database, settings, refuseRedirect, changed } = this.parts;
    refuseInvalid(servers);
    const row = await changeResource(database, actor, {
      type: 'dnsSettings',
      id: 'dns-settings',
      ifMatch,
      load: (tx) => settings.lock(tx),
      apply: async (tx, before) => {
        if (!sameServers(before.servers, servers)) await refuseRedirect(tx, servers, smtpPassword);
        return settings.write(tx, { servers, updatedBy: actor.name });
      },
      describe: (current) => ({ ...toSettings(current) }),
    });
    changed();
    return shown(row);
  }

  /** Whom to ask, as it is now; none: the operating system's resolver. */
  async servers(): Promise<string[]> {
    return (await this.parts.settings.read()).servers;
  }

  /** The same, and so until the transaction ends. */
  async lockedServers(tx: Tx): Promise<string[]> {
    return (await this.parts.settings.lockShared(tx)).servers;
  }
}

function refuseInvalid(servers: string[]): void {
  const errors = servers.map((server, index) => ({ pointer: `/servers/${index}`, message: dnsServerFault(server) }))
    .flatMap(({ pointer, message }) => (message === null ? [] : [{ pointer, message }]));
  const [first] = errors;
  if (first !== undefined) throw new MailroomError('invalid', 'DNS_SERVER_INVALID', `${first.pointer} ${first.message}.`, errors);
}

const sameServers = (one: string[], other: string[]): boolean => one.length === other.length && one.every((server, index) => server === other[index]);

const toSettings = ({ servers, updatedAt, updatedBy }: DnsSettingsRow): DnsSettings => ({ servers, updatedAt: updatedAt.toISOString(), updatedBy });

const shown = (row: DnsSettingsRow): VersionedDnsSettings => ({ settings: toSettings(row), version: row.version });
