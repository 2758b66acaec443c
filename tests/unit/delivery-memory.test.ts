import { describe, expect, jest, test } from '@jest/globals';
import { ContentMemory } from '../../src/emails/content-memory.js';
import type { EmailContent } from '../../src/emails/delivery.repository.js';
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

describe('the contents', () => {
  const [ONE, TWO] = ['one', 'two'];
  const contentOf = (eventId: string, size = 10): EmailContent => ({ eventId, subject: `Subject ${eventId}`, textBody: 'x'.repeat(size), htmlBody: '<p></p>', replyTo: null });

  const memoryOf = (size?: number) => {
    const read = jest.fn((ids: string[]) => Promise.resolve(ids.map((id) => contentOf(id, size))));
    return { read, memory: new ContentMemory(read) };
  };

  test('of an event are read and composed once, for all batches', async () => {
    const { read, memory } = memoryOf();
    const [first, second] = [await memory.contentsOf([ONE, ONE, TWO], relayOf('1')), await memory.contentsOf([TWO, ONE], relayOf('1'))];
    expect(read.mock.calls).toEqual([[[ONE, TWO]]]);
    expect([...second.keys()]).toEqual([TWO, ONE]);
    expect(second.get(ONE)!()).toBe(first.get(ONE)!());
    expect(first.get(TWO)!().bytes.toString()).toContain('Subject: Subject two');
  });

  test('are composed anew for changed settings, which may name another sender', async () => {
    const { read, memory } = memoryOf();
    const [before, after] = [await memory.contentsOf([ONE], relayOf('1', 'Before')), await memory.contentsOf([ONE], relayOf('2', 'After'))];
    expect(read).toHaveBeenCalledTimes(2);
    expect([before, after].map((contents) => /From: (.*)\r\n/.exec(contents.get(ONE)!().bytes.toString())![1])).toEqual(['"Before" <mailroom@example.com>', '"After" <mailroom@example.com>']);
  });

  test('are forgotten, the longest unused first, when they are many; who has them keeps them', async () => {
    const { read, memory } = memoryOf(1_500_000);
    const kept = await memory.contentsOf(['a'], relayOf('1'));
    await memory.contentsOf(['b'], relayOf('1'));
    await memory.contentsOf(['a'], relayOf('1'));
    await memory.contentsOf(['c'], relayOf('1')); // 4.5 MB: b goes
    expect(read.mock.calls.flat(2)).toEqual(['a', 'b', 'c']);
    await memory.contentsOf(['a', 'c'], relayOf('1'));
    expect(read).toHaveBeenCalledTimes(3);
    await memory.contentsOf(['b'], relayOf('1'));
    expect(read).toHaveBeenCalledTimes(4);
    expect(kept.get('a')!().bytes.length).toBeGreaterThan(1_500_000);
  });

  test('of a batch are all there, also when they are more than what is remembered', async () => {
    const { memory } = memoryOf(3_000_000);
    expect([...(await memory.contentsOf(['a', 'b', 'c'], relayOf('1'))).keys()]).toEqual(['a', 'b', 'c']);
  });
});
