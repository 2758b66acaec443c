import { expect, test } from '@jest/globals';
import { connectDatabase } from '../../src/db/client.js';
import { StartError } from '../../src/errors.js';
import { createLogger } from '../../src/logger.js';
import { SecretKeysRepository } from '../../src/secret-keys/secret-keys.repository.js';
import { SecretKeysService } from '../../src/secret-keys/secret-keys.service.js';
import { KeyRing } from '../../src/secrets/key-ring.js';
import { createTestDatabase } from '../setup/database.js';

const [OLD, NEW] = ['an older key of 32 characters...', 'a newer key of 32 characters....'];

test('a start needs every key that ciphertexts were made with, until they are in the list', async () => {
  const testDatabase = await createTestDatabase();
  const database = connectDatabase(testDatabase.url, createLogger({ level: 'silent', format: 'json' }), 2);
  try {
    const service = new SecretKeysService(database, new SecretKeysRepository(database));
    const old = new KeyRing([OLD]);
    await service.register(old);
    await service.register(old);
    const refused = service.register(new KeyRing([NEW]));
    await expect(refused).rejects.toThrow(StartError);
    await expect(refused).rejects.toThrow(new RegExp(`the key ${old.currentId}, which this process does not have\\. Set MAILROOM_SECRET_KEY`));
    await service.register(new KeyRing([NEW, OLD]));
    await expect(service.register(old)).rejects.toThrow(StartError);
    expect((await database.prisma.secretKey.findMany()).map(({ keyId }) => keyId).sort()).toEqual([old.currentId, new KeyRing([NEW]).currentId].sort());
  } finally {
    await database.close();
    await testDatabase.drop();
  }
});
