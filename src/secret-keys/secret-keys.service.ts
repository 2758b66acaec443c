import { MAILROOM, recordChanges } from '../audit-log/change-resource.js';
import type { Database } from '../db/client.js';
import { StartError } from '../errors.js';
import type { KeyRing } from '../secrets/key-ring.js';
import type { SecretKeysRepository } from './secret-keys.repository.js';

export class SecretKeysService {
  constructor(
    private readonly db: Database,
    private readonly keys: SecretKeysRepository,
  ) {}

  /**
   * Refuses a start with keys that cannot read what this database holds, instead of failing at the first delivery; remembers the id of
   * the key that encrypts from now on.
   */
  async register(ring: KeyRing): Promise<void> {
    const missing = (await this.keys.ids()).filter((id) => !ring.has(id));
    if (missing.length > 0) {
      throw new StartError(
        `The secrets in this database were encrypted with the key ${missing.join(', ')}, which this process does not have. ` +
          'Set MAILROOM_SECRET_KEY to the value that the other processes have (after a change of the key: new,old), or put back the file secret-key of the data folder.',
      );
    }
    await this.keys.add(ring.currentId);
  }

  /** Nothing in the database was encrypted with another key than the ring's first one any more. */
  async rotated({ currentId }: KeyRing): Promise<void> {
    const before = (await this.keys.ids()).filter((id) => id !== currentId);
    if (before.length === 0) return;
    await this.db.prisma.$transaction(async (tx) => {
      await this.keys.keepOnly(tx, currentId);
      await recordChanges(tx, MAILROOM, 'secretKey', [{ id: 'secret-key', before: { keyId: before.join(', ') }, after: { keyId: currentId } }]);
    });
  }
}
