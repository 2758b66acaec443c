import { hostname } from 'node:os';
import { changeResource } from '../audit-log/change-resource.js';
import type { Actor } from '../contract/actor.js';
import type { Database } from '../db/client.js';
import { parseServerAddress } from '../dns/server-address.js';
import { invalid } from '../errors.js';
import type { KeyRing } from '../secrets/key-ring.js';
import { bindingOf, type Destination, effectivePort, sameDestination } from './destination.js';
import type { Relay } from './relay.js';
import type { SmtpAuthentication, SmtpSettings, SmtpSettingsUpdate } from './smtp-settings.contract.js';
import type { SmtpSettingsRepository, SmtpSettingsRow } from './smtp-settings.repository.js';
import { refuseInvalid } from './validate.js';

/** Called after a change was committed, so that mail that waits for it goes out now. */
type Changed = () => void;

export class SmtpSettingsService {
  constructor(
    private readonly db: Database,
    private readonly settings: SmtpSettingsRepository,
    private readonly keys: KeyRing,
    private readonly changed: Changed,
  ) {}

  async get(): Promise<{ settings: SmtpSettings; version: number }> {
    return shown(await this.settings.read());
  }

  async put(actor: Actor, update: SmtpSettingsUpdate, ifMatch: string | undefined): Promise<{ settings: SmtpSettings; version: number }> {
    refuseInvalid(update);
    const row = await changeResource(this.db, actor, {
      type: 'smtp-settings',
      id: 'smtp-settings',
      ifMatch,
      load: (tx) => this.settings.lock(tx),
      apply: (tx, before) => this.settings.write(tx, this.nextRow(before, update, actor)),
      describe: (current) => ({ ...toSettings(current) }) as never,
    });
    this.changed();
    return shown(row);
  }

  /** What a delivery needs to know; null while the e-mail client is disabled. The password is decrypted at each call. */
  async relay(): Promise<Relay | null> {
    const row = await this.settings.read();
    if (row.serverAddress === null || row.senderAddress === null) return null;
    return {
      version: row.version,
      serverAddress: row.serverAddress,
      resolveMx: row.resolveMx,
      port: effectivePort(row),
      security: row.security,
      verifyCertificate: row.verifyCertificate,
      senderAddress: row.senderAddress,
      senderName: row.senderName,
      clientHostname: ehloName(row.clientHostname ?? hostname()),
      maxConnections: row.maxConnections,
      maxMessagesPerSecond: row.maxMessagesPerSecond,
      account: row.authenticationType === 'password' ? this.account(row) : null,
    };
  }

  private account(row: SmtpSettingsRow): Relay['account'] {
    const password = row.passwordCiphertext === null ? null : this.keys.open(row.passwordCiphertext, bindingOf(destinationOf(row)));
    return { name: row.accountName!, password };
  }

  private nextRow(before: SmtpSettingsRow, update: SmtpSettingsUpdate, actor: Actor): Omit<SmtpSettingsRow, 'id' | 'version' | 'updatedAt'> {
    const authentication = update.authentication ?? { type: 'none' };
    const next = {
      serverAddress: update.serverAddress ?? null,
      resolveMx: update.resolveMx ?? false,
      port: update.port ?? null,
      security: update.security ?? 'startTls',
      verifyCertificate: update.verifyCertificate ?? true,
      useClientCertificate: update.useClientCertificate ?? false,
      authenticationType: authentication.type,
      accountName: authentication.type === 'password' ? authentication.accountName : null,
      senderAddress: update.senderAddress ?? null,
      senderName: update.senderName || null,
      clientHostname: update.clientHostname ?? null,
      maxConnections: update.maxConnections ?? 5,
      maxMessagesPerSecond: update.maxMessagesPerSecond ?? null,
      updatedBy: actor.name,
    };
    const given = authentication.type === 'password' ? authentication.password : null;
    return { ...next, passwordCiphertext: this.nextPassword(before, next, given) };
  }

  /** Given: sealed for its destination. null: removed. Left out: kept, but only for the destination that it was given for. */
  private nextPassword(before: SmtpSettingsRow, next: Destination & { verifyCertificate: boolean }, given: string | null | undefined): string | null {
    if (given === null) return null;
    if (given !== undefined) return this.keys.seal(given, bindingOf(next));
    if (!sameDestination(destinationOf(before), next)) throw passwordRequired('server, port, security or account changed');
    if (before.passwordCiphertext !== null && before.verifyCertificate && !next.verifyCertificate && next.security !== 'none') {
      throw passwordRequired('verifyCertificate was turned off');
    }
    return before.passwordCiphertext;
  }
}

/** RFC 5321 §4.1.3: an address goes into EHLO as a literal in brackets, IPv6 with its tag. */
function ehloName(text: string): string {
  const parsed = parseServerAddress(text);
  if ('fault' in parsed) return 'localhost';
  return { name: parsed.host, ipv4: `[${parsed.host}]`, ipv6: `[IPv6:${parsed.host}]` }[parsed.type];
}

const passwordRequired = (why: string): Error =>
  invalid('SMTP_PASSWORD_REQUIRED', '/authentication/password', `is required, because ${why}: a stored password is never sent to another destination than it was given for`);

const destinationOf = (row: SmtpSettingsRow): Destination => row;

const shown = (row: SmtpSettingsRow): { settings: SmtpSettings; version: number } => ({ settings: toSettings(row), version: row.version });

function toSettings(row: SmtpSettingsRow): SmtpSettings {
  return {
    serverAddress: row.serverAddress,
    resolveMx: row.resolveMx,
    port: row.port,
    effectivePort: effectivePort(row),
    security: row.security,
    verifyCertificate: row.verifyCertificate,
    useClientCertificate: row.useClientCertificate,
    authentication: authenticationOf(row),
    senderAddress: row.senderAddress,
    senderName: row.senderName,
    clientHostname: row.clientHostname,
    maxConnections: row.maxConnections,
    maxMessagesPerSecond: row.maxMessagesPerSecond,
    enabled: row.serverAddress !== null,
    updatedAt: row.updatedAt.toISOString(),
    updatedBy: row.updatedBy,
  };
}

function authenticationOf(row: SmtpSettingsRow): SmtpAuthentication {
  if (row.authenticationType !== 'password') return { type: 'none' };
  return { type: 'password', accountName: row.accountName!, hasPassword: row.passwordCiphertext !== null };
}
