import { isDeepStrictEqual } from 'node:util';
import { changeResource } from '../audit-log/change-resource.js';
import type { Actor } from '../contract/actor.js';
import { idSliceOf, type PageQuery, pageOf } from '../contract/page.js';
import type { Database, Tx } from '../db/client.js';
import { invalid, MailroomError, notFound } from '../errors.js';
import { type KeyRing, SecretError } from '../secrets/key-ring.js';
import { parseServerAddress } from '../dns/server-address.js';
import { newId } from '../ids.js';
import { bindingOf } from './binding.js';
import { dnsChanged, serverNotAllowed, unknownAccount, withoutPassword } from './account-refusal.js';
import type { Account, AccountPage, AccountWrite } from './accounts.contract.js';
import type { AccountData, AccountRow, AccountsRepository } from './accounts.repository.js';
import { addedServers, allows, refuseInvalidServers, storedServers } from './allowed-servers.js';
import { describe, toAccount } from './present.js';

export interface VersionedAccount {
  account: Account;
  version: number;
}

/** Called after an account that the SMTP settings use was changed, so that mail that waits for it goes out now. */
type Changed = () => void;

/** What else decides where a password goes. */
export interface Surroundings {
  /** Whom names are looked up with; none: the operating system's resolver. */
  dnsServers(): Promise<string[]>;
  /** Whether certificates of authorities count that somebody added: then a verified certificate proves no more than who could add one. */
  trustsOwnAuthorities(): Promise<boolean>;
}

const TYPE = 'account';

export class AccountsService {
  constructor(
    private readonly db: Database,
    private readonly accounts: AccountsRepository,
    private readonly keys: KeyRing,
    private readonly changed: Changed,
    private readonly surroundings: Surroundings,
  ) {}

  async list(query: PageQuery): Promise<AccountPage> {
    const slice = idSliceOf(query);
    return pageOf(await this.accounts.list(slice), slice.limit, (row) => row.id, toAccount);
  }

  async get(id: string): Promise<VersionedAccount> {
    return shown(found(await this.accounts.find(id), id));
  }

  async create(actor: Actor, write: AccountWrite): Promise<VersionedAccount> {
    refuseInvalid(write);
    const id = newId();
    const row = { id, ...dataOf(write, actor) };
    const data = { ...dataOf(write, actor), ...(await this.entered(row, write.password ?? null)) };
    return shown(await changeResource(this.db, actor, { type: TYPE, id, apply: (tx) => this.accounts.create(tx, id, data), describe }));
  }

  async put(actor: Actor, id: string, write: AccountWrite, ifMatch: string | undefined): Promise<VersionedAccount> {
    refuseInvalid(write);
    return this.change(actor, id, ifMatch, async (before) => {
      const data = dataOf(write, actor);
      return { ...data, ...(await this.nextPassword(before, data, write)) };
    });
  }

  async putPassword(actor: Actor, id: string, password: string, ifMatch: string | undefined): Promise<VersionedAccount> {
    return this.change(actor, id, ifMatch, async (before) => ({ ...(await this.entered(before, password)), updatedBy: actor.name }));
  }

  async delete(actor: Actor, id: string, ifMatch: string | undefined): Promise<void> {
    await changeResource(this.db, actor, {
      type: TYPE,
      id,
      ifMatch,
      describe,
      load: (tx) => this.lock(tx, id),
      apply: async (tx) => {
        if (await this.accounts.usedBySmtpSettings(tx, id)) throw inUse();
        await this.accounts.delete(tx, id);
        return null;
      },
    });
  }

  /** Counts the changes of an account; null when there is none. */
  async versionOf(id: string): Promise<number | null> {
    return (await this.accounts.find(id))?.version ?? null;
  }

  /**
   * Refuses a server that an account's password may not be sent to; with a transaction this stays true until it ends.
   * @param serverAddress null: none yet
   * @throws AccountRefusal
   */
  async refuseUse(id: string, serverAddress: string | null, tx?: Tx): Promise<void> {
    const row = tx ? await this.accounts.lockShared(tx, id) : await this.accounts.find(id);
    if (row === null) throw unknownAccount(id);
    if (serverAddress !== null && !allows(row.allowedServers, serverAddress)) throw serverNotAllowed(row, serverAddress);
  }

  /**
   * What to log in with, as it is now. The only way to an account's password, so that it goes nowhere else than the account allows.
   * @param verified whether the server must prove its name by a certificate
   * @throws AccountRefusal, SecretError
   */
  async passwordFor(id: string, serverAddress: string, verified: boolean): Promise<{ accountName: string; password: string }> {
    const row = await this.accounts.find(id);
    if (row === null) throw unknownAccount(id);
    if (!allows(row.allowedServers, serverAddress)) throw serverNotAllowed(row, serverAddress);
    if (row.passwordCiphertext === null) throw withoutPassword(row);
    await this.refuseOtherDns(row, serverAddress, verified);
    return { accountName: row.accountName, password: this.keys.open(row.passwordCiphertext, bindingOf(row)) };
  }

  /** Somebody who knows the account's password wants it to be used with these DNS servers. */
  async trustDns(tx: Tx, id: string, dnsServers: string[]): Promise<void> {
    await this.accounts.setDnsServers(tx, id, dnsServers);
  }

  /** Where nothing but DNS says which server a name is, only the DNS servers of the time when the password was entered are believed. */
  private async refuseOtherDns(row: AccountRow, serverAddress: string, verified: boolean): Promise<void> {
    const parsed = parseServerAddress(serverAddress);
    if ('fault' in parsed || parsed.type !== 'name') return;
    const [current, ownAuthorities] = await Promise.all([this.surroundings.dnsServers(), this.surroundings.trustsOwnAuthorities()]);
    if (isDeepStrictEqual(current, row.dnsServers) || (verified && !ownAuthorities)) return;
    throw dnsChanged(row, serverAddress, verified ? 'certificates of a private authority are trusted' : 'the certificate of the server is not verified');
  }

  private async change(actor: Actor, id: string, ifMatch: string | undefined, next: (before: AccountRow) => Promise<Partial<AccountData>>): Promise<VersionedAccount> {
    let isUsed = false;
    const row = await changeResource(this.db, actor, {
      type: TYPE,
      id,
      ifMatch,
      describe,
      load: (tx) => this.lock(tx, id),
      apply: async (tx, before) => {
        isUsed = await this.accounts.usedBySmtpSettings(tx, id);
        return this.accounts.update(tx, id, await next(before));
      },
    });
    if (isUsed) this.changed();
    return shown(row);
  }

  private async lock(tx: Tx, id: string): Promise<AccountRow> {
    return found(await this.accounts.lock(tx, id), id);
  }

  /** A stored password goes to no server that was not allowed when it was entered: whoever adds one has to know it. */
  private async nextPassword(before: AccountRow, next: Pick<AccountData, 'allowedServers'>, write: AccountWrite): Promise<Partial<AccountData>> {
    if (write.password !== undefined) return this.entered({ id: before.id, ...next }, write.password);
    const [added] = addedServers(before.allowedServers, next.allowedServers);
    if (before.passwordCiphertext === null) return {};
    if (added === undefined) return { passwordCiphertext: this.boundAnew(before.passwordCiphertext, before, { id: before.id, ...next }) };
    throw invalid('ACCOUNT_PASSWORD_REQUIRED', '/password', `is required, because allowedServers gets a server more (${added}): a stored password is never sent to a server that it was not given for`);
  }

  /** A password as it is stored when somebody enters it, who knows it: with the DNS servers of now. */
  private async entered(row: Pick<AccountRow, 'id' | 'allowedServers'>, password: string | null): Promise<Pick<AccountData, 'passwordCiphertext' | 'dnsServers'>> {
    return { passwordCiphertext: password === null ? null : this.keys.seal(password, bindingOf(row)), dnsServers: await this.surroundings.dnsServers() };
  }

  /** For fewer servers. One that does not open stays as it is. */
  private boundAnew(ciphertext: string, before: AccountRow, next: Pick<AccountRow, 'id' | 'allowedServers'>): string {
    if (bindingOf(before) === bindingOf(next)) return ciphertext;
    try {
      return this.keys.seal(this.keys.open(ciphertext, bindingOf(before)), bindingOf(next));
    } catch (error) {
      if (error instanceof SecretError) return ciphertext;
      throw error;
    }
  }
}

function refuseInvalid(write: AccountWrite): void {
  const names = { accountName: write.accountName, ...(write.kind === 'directory' ? { domainName: write.domainName } : { assetName: write.assetName }) };
  for (const [field, name] of Object.entries(names)) {
    if (/\p{Cc}|[\u2028\u2029]/u.test(name)) throw invalid('ACCOUNT_NAME_INVALID', `/${field}`, 'must be one line without control characters');
  }
  refuseInvalidServers(write.allowedServers);
}

function dataOf(write: AccountWrite, actor: Actor): Omit<AccountData, 'passwordCiphertext' | 'dnsServers'> {
  const { kind, accountName } = write;
  const [domainName, assetName] = kind === 'directory' ? [write.domainName, null] : [null, write.assetName];
  return { kind, domainName, assetName, accountName, allowedServers: storedServers(write.allowedServers), updatedBy: actor.name };
}

function found(row: AccountRow | null, id: string): AccountRow {
  if (row === null) throw notFound('account', id);
  return row;
}

const inUse = (): MailroomError =>
  new MailroomError('conflict', 'ACCOUNT_IN_USE', 'The SMTP settings log in with this account. Set another authentication there first (PUT /v1/smtp-settings).');

const shown = (row: AccountRow): VersionedAccount => ({ account: toAccount(row), version: row.version });
