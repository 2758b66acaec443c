import { createHash, randomBytes } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';
import { changeResource, refuseStale } from '../audit-log/change-resource.js';
import type { Actor, Role } from '../contract/actor.js';
import { digestOf } from '../contract/etag.js';
import { idSliceOf, type PageQuery, pageOf } from '../contract/page.js';
import type { Database } from '../db/client.js';
import { MailroomError, notFound } from '../errors.js';
import type { ApiKey, ApiKeyCreate, ApiKeyPage, ApiKeyWithSecret } from './api-keys.contract.js';
import type { ApiKeyRow, ApiKeysRepository } from './api-keys.repository.js';

export class ApiKeysService {
  constructor(
    private readonly db: Database,
    private readonly keys: ApiKeysRepository,
  ) {}

  /** Who holds this key; null when nobody does. */
  async holderOf(key: string): Promise<{ keyId: string; name: string; role: Role } | null> {
    const row = await this.keys.findByHash(hashOf(key));
    return row && { keyId: row.id, name: row.name, role: row.role };
  }

  async list(query: PageQuery): Promise<ApiKeyPage> {
    const slice = idSliceOf(query);
    return pageOf(await this.keys.list(slice), slice.limit, (row) => row.id, toApiKey);
  }

  async get(id: string): Promise<ApiKey> {
    return toApiKey((await this.keys.find(this.db.prisma, id)) ?? fail(notFound('API key', id)));
  }

  async create(actor: Actor, { name, role }: ApiKeyCreate): Promise<ApiKeyWithSecret> {
    const key = newKey();
    const id = uuidv7();
    const row = await changeResource(this.db, actor, {
      type: 'api-key',
      id,
      apply: (tx) => this.keys.create(tx, { id, name, role, keyHash: new Uint8Array(hashOf(key)), origin: 'api', createdBy: actor.name }),
      describe,
    });
    return { ...toApiKey(row), key };
  }

  /** @param ifMatch the request's If-Match: another ETag than the key's is 412, and nothing is deleted */
  async delete(actor: Actor, id: string, ifMatch: string | undefined): Promise<void> {
    await changeResource(this.db, actor, {
      type: 'api-key',
      id,
      load: async (tx) => {
        const administrators = await this.keys.lockWithAdministrators(tx, id);
        const row = (await this.keys.find(tx, id)) ?? fail(notFound('API key', id));
        refuseDeletion(row, administrators);
        refuseStale(ifMatch, digestOf(toApiKey(row)));
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
  async ensureAdministrator(adminKey: string | null): Promise<string | null> {
    if (adminKey !== null) {
      await this.keys.replaceEnvironmentKey(firstRow(adminKey, 'environment'));
      return null;
    }
    await this.keys.removeEnvironmentKey();
    if (await this.keys.exists()) return null;
    const key = newKey();
    await this.keys.create(this.db.prisma, firstRow(key, 'start'));
    return key;
  }
}

/** 256 random bits: a plain SHA-256 is enough to keep them, there is nothing to guess. */
const newKey = (): string => `mr_${randomBytes(32).toString('base64url')}`;
const hashOf = (key: string): Buffer => createHash('sha256').update(key).digest();

function firstRow(key: string, origin: 'environment' | 'start'): Omit<ApiKeyRow, 'createdAt'> {
  const name = origin === 'environment' ? 'MAILROOM_ADMIN_KEY' : 'First administrator';
  return { id: uuidv7(), name, role: 'administrator', keyHash: new Uint8Array(hashOf(key)), origin, createdBy: 'Mailroom' };
}

function refuseDeletion(row: ApiKeyRow, administrators: number): void {
  if (row.origin === 'environment') {
    throw new MailroomError('conflict', 'API_KEY_FROM_ENVIRONMENT', 'This key is MAILROOM_ADMIN_KEY. Change or remove the variable and restart; then it is gone.');
  }
  if (row.role === 'administrator' && administrators === 1) {
    throw new MailroomError('conflict', 'LAST_ADMINISTRATOR_KEY', 'This is the last administrator key. Make another one first, or nobody could administer Mailroom.');
  }
}

const toApiKey = (row: ApiKeyRow): ApiKey => ({ id: row.id, name: row.name, role: row.role, createdAt: row.createdAt.toISOString(), createdBy: row.createdBy });
const describe = (row: ApiKeyRow): { name: string; role: string } => ({ name: row.name, role: row.role });

function fail(error: Error): never {
  throw error;
}
