import { changeResource } from '../audit-log/change-resource.js';
import type { Actor } from '../contract/actor.js';
import { idSliceOf, pageOf } from '../contract/page.js';
import type { Database, Tx } from '../db/client.js';
import { invalid, notFound } from '../errors.js';
import { newId } from '../ids.js';
import { addressKey, checkMailbox } from '../smtp/mailbox-fault.js';
import type { User, UserPage, UserQuery, UserWrite } from './users.contract.js';
import type { UserData, UserRow, UsersRepository } from './users.repository.js';

export interface VersionedUser {
  user: User;
  version: number;
}

/** Takes away what hangs on a user who is to be deleted. */
type Forget = (tx: Tx, actor: Actor, userId: string) => Promise<void>;

const TYPE = 'user';
/** A user may have very many subscriptions. */
const DELETION_MS = 120_000;
const NOT_ONE_LINE = /[\p{Cc}\u2028\u2029]/u;

export class UsersService {
  constructor(
    private readonly db: Database,
    private readonly users: UsersRepository,
    private readonly forget: Forget,
  ) {}

  async list(query: UserQuery): Promise<UserPage> {
    const slice = idSliceOf(query);
    const emailKey = query.emailAddress === undefined ? undefined : addressKey(query.emailAddress);
    return pageOf(await this.users.list(slice, { emailKey, q: query.q }), slice.limit, (row) => row.id, toUser);
  }

  async get(id: string): Promise<VersionedUser> {
    return shown(found(await this.users.find(id), id));
  }

  async create(actor: Actor, write: UserWrite): Promise<VersionedUser> {
    const data = dataOf(write, actor);
    const id = newId();
    return shown(await changeResource(this.db, actor, { type: TYPE, id, apply: (tx) => this.users.create(tx, id, data), describe }));
  }

  async put(actor: Actor, id: string, write: UserWrite, ifMatch: string | undefined): Promise<VersionedUser> {
    const data = dataOf(write, actor);
    return shown(await changeResource(this.db, actor, { type: TYPE, id, ifMatch, load: (tx) => this.lock(tx, id), apply: (tx) => this.users.update(tx, id, data), describe }));
  }

  async delete(actor: Actor, id: string, ifMatch: string | undefined): Promise<void> {
    await changeResource(this.db, actor, {
      type: TYPE,
      id,
      ifMatch,
      describe,
      timeoutMs: DELETION_MS,
      load: (tx) => this.lock(tx, id),
      apply: async (tx) => {
        await this.forget(tx, actor, id);
        await this.users.delete(tx, id);
        return null;
      },
    });
  }

  /** Whether there is such a user, who then stays until the transaction ends. */
  exists(tx: Tx, id: string): Promise<boolean> {
    return this.users.lockShared(tx, id);
  }

  /** Those of `ids` that exist. */
  async named(ids: string[]): Promise<User[]> {
    return (await this.users.findMany(ids)).map(toUser);
  }

  /** The first `limit` users with an address. */
  async withAddress(emailAddress: string, limit: number): Promise<User[]> {
    return (await this.users.withAddress(addressKey(emailAddress), limit)).map(toUser);
  }

  private async lock(tx: Tx, id: string): Promise<UserRow> {
    return found(await this.users.lock(tx, id), id);
  }
}

function dataOf({ name, emailAddress, enabled = true }: UserWrite, actor: Actor): UserData {
  if (NOT_ONE_LINE.test(name) || name.trim() === '') throw invalid('USER_NAME_INVALID', '/name', 'must be one line of text');
  const fault = checkMailbox(emailAddress);
  if (fault !== null) throw invalid('EMAIL_ADDRESS_INVALID', '/emailAddress', fault);
  return { name: name.trim(), emailAddress, emailKey: addressKey(emailAddress), enabled, updatedBy: actor.name };
}

function found(row: UserRow | null, id: string): UserRow {
  if (row === null) throw notFound('user', id);
  return row;
}

const shown = (row: UserRow): VersionedUser => ({ user: toUser(row), version: row.version });

function toUser({ id, name, emailAddress, enabled, createdAt, updatedAt, updatedBy }: UserRow): User {
  return { id, name, emailAddress, enabled, createdAt: createdAt.toISOString(), updatedAt: updatedAt.toISOString(), updatedBy };
}

const describe = ({ name, emailAddress, enabled }: UserRow): { name: string; emailAddress: string; enabled: boolean } => ({ name, emailAddress, enabled });
