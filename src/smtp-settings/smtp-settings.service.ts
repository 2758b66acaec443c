import { AccountRefusal } from '../accounts/account-refusal.js';
import type { AccountsService } from '../accounts/accounts.service.js';
import { changeResource } from '../audit-log/change-resource.js';
import type { Actor } from '../contract/actor.js';
import type { Database, Tx } from '../db/client.js';
import { invalid, MailroomError } from '../errors.js';
import type { AccessTokens } from '../oauth2/access-tokens.js';
import type { KeyRing } from '../secrets/key-ring.js';
import type { TlsMaterialService } from '../tls-material/tls-material.service.js';
import { credentialsOf } from './credentials.js';
import { draftOf, type SealedCandidate, sentSecret, type SmtpSettingsDraft, type StoredSettings } from './draft.js';
import { toSettings } from './present.js';
import { type Redirect, refuseRedirect } from './redirect.js';
import { type Relay, relayFrom } from './relay.js';
import { nextSecret } from './secret.js';
import type { SmtpSettings, SmtpSettingsUpdate } from './smtp-settings.contract.js';
import type { SmtpSettingsRepository, SmtpSettingsRow } from './smtp-settings.repository.js';
import { tlsOf } from './tls.js';
import { type AddressPolicy, below, refuseInvalid } from './validate.js';

export interface SmtpSettingsParts {
  database: Database;
  settings: SmtpSettingsRepository;
  keys: KeyRing;
  accounts: AccountsService;
  tokens: AccessTokens;
  tlsMaterial: TlsMaterialService;
  /** Where no mail server and no token server may be. */
  policy: AddressPolicy;
  /** Counts the changes of the DNS settings: a connection that was made with other ones may lead to another server. */
  dnsVersion(): Promise<number>;
  /** Called after a change was committed, so that mail that waits for it goes out now. */
  changed(): void;
}

export interface CandidateOptions {
  /** Where the candidate stands in the request's body. */
  pointer?: string;
  /** Stands in when the candidate has no sender. Was checked before. */
  senderAddress?: string | null;
}

export class SmtpSettingsService {
  constructor(private readonly parts: SmtpSettingsParts) {}

  async get(): Promise<{ settings: SmtpSettings; version: number }> {
    return shown(await this.parts.settings.read());
  }

  async put(actor: Actor, update: SmtpSettingsUpdate, ifMatch: string | undefined): Promise<{ settings: SmtpSettings; version: number }> {
    const { database, settings, policy, changed } = this.parts;
    refuseInvalid(update, policy);
    const row = await changeResource(database, actor, {
      type: 'smtpSettings',
      id: 'smtp-settings',
      ifMatch,
      load: (tx) => settings.lock(tx),
      apply: async (tx, before) => settings.write(tx, { ...(await this.nextSettings(before, update, tx)), updatedBy: actor.name }),
      describe: (current) => ({ ...toSettings(current) }) as never,
    });
    changed();
    return shown(row);
  }

  /**
   * To be asked before the DNS servers change, or an authority is added, in the transaction that does it.
   * @param dnsServers as they will be
   * @throws MailroomError SMTP_PASSWORD_REQUIRED
   */
  async refuseRedirect(tx: Tx, redirect: Redirect, dnsServers: string[], sent: string | null | undefined): Promise<void> {
    const settings = await this.parts.settings.read();
    const facts = { redirect, ownAuthorities: await this.parts.tlsMaterial.trustsOwnAuthorities(), ownDns: dnsServers.length > 0 };
    const isProven = await refuseRedirect(settings, facts, this.parts, sent);
    if (isProven && settings.accountId !== null) await this.parts.accounts.trustDns(tx, settings.accountId, dnsServers);
  }

  /** What a delivery needs to know; null while the e-mail client is disabled. */
  async relay(): Promise<Relay | null> {
    const row = await this.parts.settings.read();
    if (row.serverAddress === null || row.senderAddress === null) return null;
    return this.relayFor(row, String(row.version));
  }

  /**
   * Checks settings that are not saved as `put` does, and makes them fit to wait in a row until a worker takes them up with `relayOf`. A stored
   * secret is taken over for the same destination only.
   * @throws MailroomError of kind `invalid`
   */
  async sealCandidate(update: SmtpSettingsUpdate, { pointer = '/settings', senderAddress = null }: CandidateOptions = {}): Promise<SealedCandidate> {
    const candidate = { ...update, senderAddress: update.senderAddress ?? senderAddress };
    try {
      if (candidate.serverAddress == null) throw invalid('SMTP_SERVER_REQUIRED', '/serverAddress', 'is required: it names the server to test');
      refuseInvalid(candidate, this.parts.policy);
      const { passwordCiphertext, ...draft } = await this.nextSettings(await this.parts.settings.read(), candidate);
      return { candidate: draft, secretCiphertext: passwordCiphertext };
    } catch (error) {
      throw error instanceof MailroomError ? below(pointer, error) : error;
    }
  }

  /** The relay of a sealed candidate. Its secret opens only if the candidate was not changed meanwhile. */
  async relayOf(candidate: SmtpSettingsDraft, secretCiphertext: string | null): Promise<Relay> {
    return this.relayFor({ ...candidate, passwordCiphertext: secretCiphertext }, 'candidate');
  }

  private async relayFor(settings: StoredSettings, version: string): Promise<Relay> {
    const { accounts, tlsMaterial, dnsVersion } = this.parts;
    const account = settings.accountId === null ? null : accounts.versionOf(settings.accountId);
    const [accountVersion, tlsVersion, dns] = await Promise.all([account, tlsMaterial.version(), dnsVersion()]);
    const means = { ...credentialsOf(settings, this.parts), tls: () => tlsOf(settings, tlsMaterial, tlsVersion) };
    return relayFrom(settings, `${version}.${accountVersion ?? 0}.${tlsVersion}.${dns}`, means);
  }

  private async nextSettings(before: SmtpSettingsRow, update: SmtpSettingsUpdate, tx?: Tx): Promise<StoredSettings> {
    const draft = draftOf(update);
    if (draft.useClientCertificate) await this.refuseMissingCertificate(tx);
    if (draft.accountId !== null) await this.refuseAccount(draft.accountId, draft.serverAddress, tx);
    return { ...draft, passwordCiphertext: nextSecret(this.parts.keys, before, draft, sentSecret(update.authentication)) };
  }

  private async refuseMissingCertificate(tx: Tx | undefined): Promise<void> {
    if (await this.parts.tlsMaterial.hasClientCertificate(tx)) return;
    throw invalid('SMTP_CLIENT_CERTIFICATE_REQUIRED', '/useClientCertificate', 'cannot be set while no client certificate is active: install one first (POST /v1/client-certificates)');
  }

  private async refuseAccount(accountId: string, serverAddress: string | null, tx: Tx | undefined): Promise<void> {
    try {
      await this.parts.accounts.refuseUse(accountId, serverAddress, tx);
    } catch (error) {
      if (!(error instanceof AccountRefusal)) throw error;
      const pointer = error.code === 'SMTP_ACCOUNT_UNKNOWN' ? '/authentication/accountId' : '/serverAddress';
      throw invalid(error.code, pointer, `${error.message} ${error.hint}`);
    }
  }
}

const shown = (row: SmtpSettingsRow): { settings: SmtpSettings; version: number } => ({ settings: toSettings(row), version: row.version });
