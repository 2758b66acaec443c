import { describe, expect, jest, test } from '@jest/globals';
import { ContentMemory } from '../../src/emails/content-memory.js';
import type { ClaimedEmail, EmailContent } from '../../src/emails/delivery.repository.js';
import { MessageSource } from '../../src/emails/message-source.js';
import { RelayMemory } from '../../src/emails/relay-memory.js';
import type { Relay } from '../../src/smtp-settings/relay.js';

const relayOf = (version: string, senderName: string | null = null) => ({ version, senderName, senderAddress: 'mailroom@example.com' }) as Relay;

describe('the relay', () => {
  const memoryOf = (versions: (string | null)[]) => {
    const read = jest.fn(() => Promise.resolve(versions.length === 0 ? null : ((version) => (version === null ? null : relayOf(version)))(versions.shift()!)));
    return { read, memory: new RelayMemory(read) };
  };

  test('is read once for a version, and again for another one', async () => {
    const { read, memory } = memoryOf(['1.0.0.0', '2.0.0.0']);
    expect(await memory.relayOf('1.0.0.0')).toBe(await memory.relayOf('1.0.0.0'));
    expect(read).toHaveBeenCalledTimes(1);
    expect((await memory.relayOf('2.0.0.0'))!.version).toBe('2.0.0.0');
    expect(read).toHaveBeenCalledTimes(2);
  });

  test('is read again after five seconds: its secret may have been encrypted anew', async () => {
    jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick'] });
    try {
      const { read, memory } = memoryOf(['1', '1']);
      await memory.relayOf('1');
      jest.advanceTimersByTime(4_900);
      await memory.relayOf('1');
      expect(read).toHaveBeenCalledTimes(1);
      jest.advanceTimersByTime(200);
      await memory.relayOf('1');
      expect(read).toHaveBeenCalledTimes(2);
    } finally {
      jest.useRealTimers();
    }
  });

  test('that is disabled is never remembered', async () => {
    const { read, memory } = memoryOf([null, '1']);
    expect(await memory.relayOf('1')).toBeNull();
    expect((await memory.relayOf('1'))!.version).toBe('1');
    expect(read).toHaveBeenCalledTimes(2);
  });
});

const contentOf = (eventId: string, size = 10): EmailContent => ({ eventId, subject: `Subject ${eventId}`, textBody: 'x'.repeat(size), htmlBody: '<p></p>', replyTo: null });

describe('the contents', () => {
  const [ONE, TWO] = ['one', 'two'];

  const memoryOf = (size?: number) => {
    const read = jest.fn((ids: string[], _bytes: number) => Promise.resolve(ids.map((id) => contentOf(id, size))));
    return { read, memory: new ContentMemory(read) };
  };

  const load = async (memory: ContentMemory, eventId: string, relay = relayOf('1')) => memory.recall(eventId, relay) ?? (await memory.load([eventId], relay)).get(eventId);

  test('of an event are read and composed once, for all batches', async () => {
    const { read, memory } = memoryOf();
    const first = (await memory.load([ONE, TWO], relayOf('1'))).get(ONE);
    expect(read.mock.calls).toEqual([[[ONE, TWO], 4 * 1024 * 1024]]);
    expect(memory.recall(ONE, relayOf('1'))!()).toBe(first!());
    expect(memory.recall(TWO, relayOf('1'))!().bytes.toString()).toContain('Subject: Subject two');
  });

  test('are composed anew for changed settings, which may name another sender', async () => {
    const { read, memory } = memoryOf();
    const [before, after] = [await load(memory, ONE, relayOf('1', 'Before')), await load(memory, ONE, relayOf('2', 'After'))];
    expect(read).toHaveBeenCalledTimes(1);
    expect([before, after].map((content) => /From: (.*)\r\n/.exec(content!().bytes.toString())![1])).toEqual(['"Before" <mailroom@example.com>', '"After" <mailroom@example.com>']);
  });

  test('are forgotten, the longest unused first, when they are many; who has them keeps them', async () => {
    const { read, memory } = memoryOf(1_500_000);
    const kept = await load(memory, 'a');
    for (const eventId of ['b', 'a', 'c']) await load(memory, eventId); // 4.5 MB: b goes
    expect(read.mock.calls.map(([ids]) => ids)).toEqual([['a'], ['b'], ['c']]);
    for (const eventId of ['a', 'c']) await load(memory, eventId);
    expect(read).toHaveBeenCalledTimes(3);
    await load(memory, 'b');
    expect(read).toHaveBeenCalledTimes(4);
    expect(kept!().bytes.length).toBeGreaterThan(1_500_000);
  });
});

describe('the contents of a batch', () => {
  const emailOf = (eventId: string) => ({ eventId }) as ClaimedEmail;
  const EVENTS = ['a', 'b', 'b', 'c', 'd', 'e'];

  /** Like the statement: what fits, but one at least. Who reads is seen, and waits for the others. */
  function batchOf(size: number, missing: string[] = []) {
    const read = jest.fn(async (ids: string[], bytes: number) => {
      await new Promise((resolve) => { setImmediate(resolve); });
      return ids.slice(0, Math.max(1, Math.floor(bytes / size))).filter((id) => !missing.includes(id)).map((eventId) => ({ eventId, subject: eventId, textBody: 'x'.repeat(size), htmlBody: '', replyTo: null }));
    });
    return { read, source: new MessageSource(new ContentMemory(read), relayOf('1'), EVENTS.map(emailOf)) };
  }
  const subjectsOf = async (source: MessageSource) => {
    const contents = await Promise.all(EVENTS.map((eventId) => source.contentOf(emailOf(eventId))));
    return contents.map((content) => content && /Subject: (.*)\r\n/.exec(content().bytes.toString())![1]);
  };

  test('are read once, however many connections want them', async () => {
    const { read, source } = batchOf(10);
    expect(await subjectsOf(source)).toEqual(EVENTS);
    expect(read.mock.calls.map(([ids]) => ids)).toEqual([['a', 'b', 'c', 'd', 'e']]);
  });

  test('are read one after the other when they are large, and every connection gets its own', async () => {
    const { read, source } = batchOf(3_000_000);
    expect(await subjectsOf(source)).toEqual(EVENTS);
    expect(Math.max(...read.mock.calls.map(([ids]) => ids.length))).toBe(5);
    expect(read.mock.calls.length).toBeGreaterThanOrEqual(5);
  });

  test('are read once also when other batches have them forgotten in the memory that all share', async () => {
    const size = 500_000;
    const read = jest.fn((ids: string[], bytes: number) => Promise.resolve(ids.slice(0, Math.floor(bytes / size)).map((id) => contentOf(id, size - 7))));
    const memory = new ContentMemory(read);
    const [one, other] = ['one', 'other'].map((name) => Array.from({ length: 6 }, (_, n) => emailOf(`${name} ${n}`)));
    const [first, second] = [one!, other!].map((emails) => new MessageSource(memory, relayOf('1'), emails));
    for (const [index, email] of one!.entries()) for (const content of [await first!.contentOf(email), await second!.contentOf(other![index]!)]) expect(content).toBeDefined();
    expect(read).toHaveBeenCalledTimes(2);
  });

  test('that are gone are undefined, and keep nobody waiting', async () => {
    const { source } = batchOf(10, ['b', 'e']);
    expect(await subjectsOf(source)).toEqual(['a', undefined, undefined, 'c', 'd', undefined]);
  });

  test('that cannot be read fail for whoever read them; the next one tries again', async () => {
    const { read, source } = batchOf(10);
    read.mockRejectedValueOnce(new Error('gone'));
    await expect(source.contentOf(emailOf('a'))).rejects.toThrow('gone');
    expect((await source.contentOf(emailOf('a')))!().bytes.toString()).toContain('Subject: a');
  });
});
