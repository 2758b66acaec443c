import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { changeResource, MAILROOM, recordChanges } from '../audit-log/change-resource.js';
import type { Actor, Role } from '../contract/actor.js';
import { etagOf, livingEtag } from '../contract/etag.js';
import { idSliceOf, type PageQuery, pageOf } from '../contract/page.js';
import { refuseStale } from '../contract/preconditions.js';
import { timeOf } from '../contract/time.js';
import type { Database, Tx } from '../db/client.js';
import { Grouping } from '../db/grouping.js';
import { invalid, MailroomError, notFound } from '../errors.js';
import { newId } from '../ids.js';
import type { ApiKey, ApiKeyCreate, ApiKeyPage, ApiKeyWithSecret } from './api-keys.contract.js';
import type { ApiKeyRow, ApiKeysRepository, KeyHolderRow, NewApiKey } from './api-keys.repository.js';

const TYPE = 'apiKey';
/** A key never changes, but for when it was used last; and that makes nobody's copy stale. */
const WRITTEN = etagOf(1);
export const etagOfKey = (key: ApiKey): string => livingEtag(WRITTEN, key);

export interface KeyHolder {
  keyId: string;
  name: string;
  role: Role;
  expired: boolean;
}

/** Requests whose keys are looked up by one statement; two such statements may be under way. */
const LOOKED_UP_TOGETHER = { most: 100, statements: 2, patienceMs: 5_000 };

export class ApiKeysService {
  private readonly holders: Grouping<Buffer, KeyHolderRow | null>;

  constructor(
    private readonly db: Database,
    private readonly keys: ApiKeysRepository,
  ) {
    this.holders = new Grouping((hashes) => this.holdersOf(hashes), LOOKED_UP_TOGETHER);
  }

  /** Who holds this key; null when nobody does. The database is asked each time: a key that was deleted is refused at once, in every process. */
  async holderOf(key: string): Promise<KeyHolder | null> {
    const row = await this.holders.ask(hashOf(key));
    if (row === null) return null;
    return { keyId: row.id, name: row.name, role: row.role, expired: row.expiresAt !== null && row.expiresAt <= new Date() };
  }

  async list(query: PageQuery): Promise<ApiKeyPage> {
    const slice = idSliceOf(query);
    return pageOf(await this.keys.list(slice), slice.limit, (row) => row.id, toApiKey);
  }

  async get(id: string): Promise<ApiKey> {
    return toApiKey((await this.keys.find(this.db.prisma, id)) ?? fail(notFound('API key', id)));
  }

  async create(actor: Actor, { name, role, expiresAt = null }: ApiKeyCreate): Promise<ApiKeyWithSecret> {
    const expiry = timeOf('expiresAt', expiresAt ?? undefined, 'pointer') ?? null;
    if (expiry !== null && expiry <= new Date()) throw invalid('EXPIRY_PAST', '/expiresAt', 'must be in the future');
    const key = newKey();
    const id = newId();
    const row = await changeResource(this.db, actor, {
      type: TYPE,
      id,
      apply: (tx) => this.keys.create(tx, { id, name, role, keyHash: new Uint8Array(hashOf(key)), origin: 'api', createdBy: actor.name, expiresAt: expiry }),
      describe,
    });
    return { ...toApiKey(row), key };
  }

  /** @param ifMatch the request's If-Match: another ETag than the key's is 412, and nothing is deleted */
  async delete(actor: Actor, id: string, ifMatch: string | undefined): Promise<void> {
    await changeResource(this.db, actor, {
      type: TYPE,
      id,
      load: async (tx) => {
        const otherAdministrators = await this.keys.lockWithAdministrators(tx, id);
        const row = (await this.keys.find(tx, id)) ?? fail(notFound('API key', id));
        refuseDeletion(row, otherAdministrators);
        refuseStale({ ifMatch }, WRITTEN);
        return row;
      },
      apply: async (tx) => {
        await this.keys.delete(tx, id);
        return null;
      },
      describe,
    });
  }

  /**
   * Sees to it that there is an administrator. With MAILROOM_ADMIN_KEY that key is one (and an earlier value of the variable no longer);
   * without it and without any administrator a key is made, and returned so that it can be shown this once.
   */
  ensureAdministrator(adminKey: string | null): Promise<string | null> {
    return this.db.prisma.$transaction(async (tx) => {
      await this.keys.lockFirstKeys(tx);
      await this.forgetEnvironmentKeys(tx, adminKey);
      if (adminKey !== null) await this.adoptEnvironmentKey(tx, adminKey);
      if (await this.keys.hasAdministrator(tx)) return null;
      const key = newKey();
      await this.makeFirst(tx, key, 'start');
      return key;
    });
  }

  private async holdersOf(hashes: Buffer[]): Promise<(KeyHolderRow | null)[]> {
    const rows = await this.keys.findHolders(hashes);
    return hashes.map((hash) => rows.find(({ keyHash }) => timingSafeEqual(keyHash, hash)) ?? null);
  }

  private async forgetEnvironmentKeys(tx: Tx, current: string | null): Promise<void> {
    const stale = await this.keys.staleEnvironmentKeys(tx, current === null ? null : hashOf(current));
    for (const row of stale) await this.keys.delete(tx, row.id);
    await recordChanges(tx, MAILROOM, TYPE, stale.map((row) => ({ id: row.id, before: describe(row), after: null })));
  }

  private async adoptEnvironmentKey(tx: Tx, key: string): Promise<void> {
    const known = await this.keys.findByHash(hashOf(key), tx);
    if (known === null) return this.makeFirst(tx, key, 'environment');
    if (known.origin === 'environment') return;
    const adopted = await this.keys.adoptForEnvironment(tx, known.id);
    await recordChanges(tx, MAILROOM, TYPE, [{ id: known.id, before: describe(known), after: describe(adopted) }]);
  }

  private async makeFirst(tx: Tx, key: string, origin: 'environment' | 'start'): Promise<void> {
    const row = await this.keys.create(tx, firstRow(key, origin));
    await recordChanges(tx, MAILROOM, TYPE, [{ id: row.id, before: null, after: describe(row) }]);
  }
}

/** 256 random bits: a plain SHA-256 is enough to keep them, there is nothing to guess. */
const newKey = (): string => `mr_${randomBytes(32).toString('base64url')}`;
const hashOf = (key: string): Buffer => createHash('sha256').update(key).digest();

function firstRow(key: string, origin: 'environment' | 'start'): NewApiKey {
  const name = origin === 'environment' ? 'MAILROOM_ADMIN_KEY' : 'First administrator';
  return { id: newId(), name, role: 'administrator', keyHash: new Uint8Array(hashOf(key)), origin, createdBy: MAILROOM.name, expiresAt: null };
}

function refuseDeletion(row: ApiKeyRow, otherAdministrators: number): void {
  if (row.origin === 'environment') {
    throw new MailroomError('conflict', 'API_KEY_FROM_ENVIRONMENT', 'This key is MAILROOM_ADMIN_KEY. Change or remove the variable and restart; then it is gone.');
  }
  if (row.role === 'administrator' && otherAdministrators === 0) {
    throw new MailroomError('conflict', 'LAST_ADMINISTRATOR_KEY', 'This is the last administrator key. Make another one first, or nobody could administer Mailroom.');
  }
}

const toApiKey = ({ id, name, role, createdAt, createdBy, expiresAt, lastUsedAt }: ApiKeyRow): ApiKey =>
  ({ id, name, role, createdAt: createdAt.toISOString(), createdBy, expiresAt: expiresAt?.toISOString() ?? null, lastUsedAt: lastUsedAt?.toISOString() ?? null });

const describe = ({ name, role, expiresAt }: ApiKeyRow): { name: string; role: string; expiresAt: string | null } => ({ name, role, expiresAt: expiresAt?.toISOString() ?? null });

function fail(error: Error): never {
  throw error;
}
