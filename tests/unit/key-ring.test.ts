import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { StartError } from '../../src/errors.js';
import { keyFromFile } from '../../src/secrets/key-file.js';
import { KeyRing, SecretError } from '../../src/secrets/key-ring.js';

const [OLD, NEW] = ['an older key of 32 characters...', 'a newer key of 32 characters....'];
const old = new KeyRing([OLD]);
const both = new KeyRing([NEW, OLD]);
const newer = new KeyRing([NEW]);

describe('a key ring', () => {
  test.each(['', 'x', 'correct horse battery staple', 'pässwörd 😀', 'x'.repeat(10_000)])('opens what it sealed: %#', (plain) => {
    const sealed = old.seal(plain, 'context');
    if (plain.length > 1) expect(sealed).not.toContain(plain);
    expect(old.open(sealed, 'context')).toBe(plain);
  });

  test('seals the same text differently each time', () => {
    expect(new Set(Array.from({ length: 20 }, () => old.seal('secret', 'context'))).size).toBe(20);
  });

  test('opens for the same context alone', () => {
    const sealed = old.seal('secret', 'mail.example.com');
    for (const context of ['', 'mail.example.org', 'mail.example.com ', 'Mail.example.com']) expect(() => old.open(sealed, context)).toThrow(SecretError);
  });

  test('the first key seals, each opens', () => {
    expect(both.open(old.seal('a', 'c'), 'c')).toBe('a');
    expect(newer.open(both.seal('b', 'c'), 'c')).toBe('b');
    expect(both.currentId).toBe(newer.currentId);
    expect([both.has(old.currentId), newer.has(old.currentId)]).toEqual([true, false]);
  });

  test('tells by a fingerprint whether a text is the same, by whichever of its keys it was made', () => {
    const fingerprint = old.fingerprint('a body with a password');
    expect(both.mayBeOf(fingerprint, 'a body with a password')).toBe(true);
    expect(both.mayBeOf(fingerprint, 'another body')).toBe(false);
    expect(both.mayBeOf(fingerprint.subarray(0, 20), 'a body with a password')).toBe(false);
    expect(newer.mayBeOf(fingerprint, 'another body')).toBe(true); // it cannot say
    expect(fingerprint).toHaveLength(36);
    expect(fingerprint.equals(both.fingerprint('a body with a password'))).toBe(false);
  });

  test('takes a key that is put before the others while it is used, and keeps those that it had', () => {
    let texts = [OLD];
    const ring = new KeyRing(() => texts);
    const before = ring.seal('a', 'c');
    texts = [NEW];
    const after = ring.seal('b', 'c');
    expect(ring.currentId).toBe(newer.currentId);
    expect(newer.open(after, 'c')).toBe('b');
    expect(ring.open(before, 'c')).toBe('a');
    texts = []; // the file cannot be read for a moment
    expect(newer.open(ring.seal('d', 'c'), 'c')).toBe('d');
  });

  test('looks for a key that it does not know before it gives up', () => {
    let texts = [OLD];
    const ring = new KeyRing(() => texts);
    const sealed = newer.seal('a', 'c');
    expect(() => ring.open(sealed, 'c')).toThrow(SecretError);
    texts = [NEW, OLD];
    expect(ring.open(sealed, 'c')).toBe('a');
  });

  test('says which key it lacks, and tells nothing of the keys', () => {
    expect(() => newer.open(old.seal('a', 'c'), 'c')).toThrow(`key ${old.currentId}, which MAILROOM_SECRET_KEY does not hold`);
    expect(old.seal('a', 'c')).not.toContain(OLD);
    expect(old.currentId).toMatch(/^[0-9a-f]{8}$/);
  });

  test('a key text means the same key in every process', () => {
    expect(new KeyRing([OLD]).open(old.seal('a', 'c'), 'c')).toBe('a');
    expect(new KeyRing([`${OLD} `]).currentId).not.toBe(old.currentId);
  });

  test('refuses a change of any single byte', () => {
    const [version, id, packed] = old.seal('secret', 'context').split('.') as [string, string, string];
    const bytes = Buffer.from(packed, 'base64url');
    for (let at = 0; at < bytes.length; at += 1) {
      const changed = Buffer.from(bytes);
      changed[at]! ^= 1;
      expect(() => old.open(`${version}.${id}.${changed.toString('base64url')}`, 'context')).toThrow(SecretError);
    }
  });

  test.each([
    ['nothing', () => ''],
    ['plain text', () => 'secret'],
    ['another version', (sealed: string) => sealed.replace('v1', 'v2')],
    ['no data', (sealed: string) => sealed.split('.').slice(0, 2).join('.')],
  ])('refuses %s with a SecretError', (_name, change) => {
    expect(() => old.open(change(old.seal('secret', 'context')), 'context')).toThrow(SecretError);
  });

  test.each([20, 12, 4, 0])('refuses a ciphertext that was cut after %d bytes with a SecretError', (length) => {
    const [version, id, packed] = old.seal('secret', 'context').split('.') as [string, string, string];
    const cut = Buffer.from(packed, 'base64url').subarray(0, length).toString('base64url');
    expect(() => old.open(`${version}.${id}.${cut}`, 'context')).toThrow(SecretError);
  });

  test('needs a key', () => {
    expect(() => new KeyRing([])).toThrow(SecretError);
  });
});

describe('the key file', () => {
  let dataDir: string;
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'mailroom-key-'));
  });
  afterEach(async () => {
    await rm(dataDir, { recursive: true, force: true });
  });

  test('is made at the first start, for its owner alone, in folders that are made too, and is read after that', async () => {
    const folder = join(dataDir, 'deep', 'er');
    const key = await keyFromFile(folder);
    expect(Buffer.from(key, 'base64')).toHaveLength(32);
    expect((await stat(join(folder, 'secret-key'))).mode & 0o777).toBe(0o600);
    expect(await keyFromFile(folder)).toBe(key);
    expect((await readFile(join(folder, 'secret-key'), 'utf8')).trim()).toBe(key);
  });

  test('two starts at once share one key', async () => {
    const keys = await Promise.all([keyFromFile(dataDir), keyFromFile(dataDir)]);
    expect(keys[0]).toBe(keys[1]);
    expect(await keyFromFile(dataDir)).toBe(keys[0]);
  });

  test('what cannot be read is told in one line that names the file', async () => {
    await writeFile(join(dataDir, 'not-a-folder'), '');
    const failure = keyFromFile(join(dataDir, 'not-a-folder'));
    await expect(failure).rejects.toThrow(StartError);
    await expect(failure).rejects.toThrow(/not-a-folder\/secret-key cannot be read or made: [^\n]+$/);
  });

  test('an empty file is no key', async () => {
    await writeFile(join(dataDir, 'secret-key'), '\n');
    await chmod(join(dataDir, 'secret-key'), 0o600);
    await expect(keyFromFile(dataDir)).rejects.toThrow(StartError);
  });
});
