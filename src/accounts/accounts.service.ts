import { v7 as uuidv7 } from 'uuid';
import { changeResource } from '../audit-log/change-resource.js';
import type { Actor } from '../contract/actor.js';
import { idSliceOf, type PageQuery, pageOf } from '../contract/page.js';
import type { Database, Tx } from '../db/client.js';
import { invalid, MailroomError, notFound } from '../errors.js';
import type { KeyRing } from '../secrets/key-ring.js';
import { bindingOf } from './binding.js';
import { serverNotAllowed, unknownAccount, withoutPassword } from './account-refusal.js';
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

const TYPE = 'account';

export class AccountsService {
  constructor(
    private readonly db: Database,
    private readonly accounts: AccountsRepository,
    private readonly keys: KeyRing,
    private readonly changed: Changed,
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
    const id = uuidv7();
    const data = { ...dataOf(write, actor), passwordCiphertext: this.seal(id, write.password ?? null) };
    return shown(await changeResource(this.db, actor, { type: TYPE, id, apply: (tx) => this.accounts.create(tx, id, data), describe }));
  }

  async put(actor: Actor, id: string, write: AccountWrite, ifMatch: string | undefined): Promise<VersionedAccount> {
    refuseInvalid(write);
    return this.change(actor, id, ifMatch, (before) => ({ ...dataOf(write, actor), passwordCiphertext: this.nextPassword(before, write) }));
  }

  async putPassword(actor: Actor, id: string, password: string, ifMatch: string | undefined): Promise<VersionedAccount> {
    return this.change(actor, id, ifMatch, (before) => ({ passwordCiphertext: this.seal(before.id, password), updatedBy: actor.name }));
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
   * @throws AccountRefusal, SecretError
   */
  async passwordFor(id: string, serverAddress: string): Promise<{ accountName: string; password: string }> {
    const row = await this.accounts.find(id);
    if (row === null) throw unknownAccount(id);
    if (!allows(row.allowedServers, serverAddress)) throw serverNotAllowed(row, serverAddress);
    if (row.passwordCiphertext === null) throw withoutPassword(row);
    return { accountName: row.accountName, password: this.keys.open(row.passwordCiphertext, bindingOf(row.id)) };
  }

  private async change(actor: Actor, id: string, ifMatch: string | undefined, next: (before: AccountRow) => Partial<AccountData>): Promise<VersionedAccount> {
    let isUsed = false;
    const row = await changeResource(this.db, actor, {
      type: TYPE,
      id,
      ifMatch,
      describe,
      load: (tx) => this.lock(tx, id),
      apply: async (tx, before) => {
        isUsed = await this.accounts.usedBySmtpSettings(tx, id);
        return this.accounts.update(tx, id, next(before));
      },
    });
    if (isUsed) this.changed();
    return shown(row);
  }

  private async lock(tx: Tx, id: string): Promise<AccountRow> {
    return found(await this.accounts.lock(tx, id), id);
  }

  /** A stored password goes to no server that was not allowed when it was entered: whoever adds one has to know it. */
  private nextPassword({ id, passwordCiphertext, allowedServers }: AccountRow, write: AccountWrite): string | null {
    if (write.password !== undefined) return this.seal(id, write.password);
    const [added] = addedServers(allowedServers, write.allowedServers);
    if (added === undefined || passwordCiphertext === null) return passwordCiphertext;
    throw invalid('ACCOUNT_PASSWORD_REQUIRED', '/password', `is required, because allowedServers gets a server more (${added}): a stored password is never sent to a server that it was not given for`);
  }

  private seal(id: string, password: string | null): string | null {
    return password === null ? null : this.keys.seal(password, bindingOf(id));
  }
}

/** Bound in as associated data: a ciphertext that is moved to another account does not open. */

function refuseInvalid(write: AccountWrite): void {
  const names = { accountName: write.accountName, ...(write.kind === 'directory' ? { domainName: write.domainName } : { assetName: write.assetName }) };
  for (const [field, name] of Object.entries(names)) {
    if (/\p{Cc}|[\u2028\u2029]/u.test(name)) throw invalid('ACCOUNT_NAME_INVALID', `/${field}`, 'must be one line without control characters');
  }
  refuseInvalidServers(write.allowedServers);
}

function dataOf(write: AccountWrite, actor: Actor): Omit<AccountData, 'passwordCiphertext'> {
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
