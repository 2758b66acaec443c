import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import { DnsFailure } from '../../src/dns/dns-failure.js';
import { Dns, MAX_ADDRESSES, MAX_MX_HOSTS, type Resolution } from '../../src/dns/resolve.js';

const TIMEOUT_MS = 1_000;
const SLACK_MS = 5_000;
const [A, CNAME, MX] = [1, 5, 15];
const HEADER_BYTES = 12;
/** Where the asked name stands. A pointer is two bytes that begin with 11 (RFC 1035 §4.1.4). */
const ASKED = pointer(HEADER_BYTES);

/** What a server says to a query: bytes as they are, or nothing. */
type Answerer = (query: Buffer, over: 'udp' | 'tcp') => Buffer | null;

const closers: (() => unknown)[] = [];
afterEach(async () => { await Promise.all(closers.splice(0).map((close) => close())); });

/** Over UDP and TCP on one port; `tcp` may do with a TCP connection what it likes instead. */
async function serve(answer: Answerer, tcp?: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>();
  const stream = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    if (tcp) return tcp(socket);
    socket.on('data', (bytes) => {
      const reply = answer(bytes.subarray(2), 'tcp');
      if (reply) socket.write(Buffer.concat([uint16(reply.length), reply]));
    });
  }).listen(0, '127.0.0.1');
  await once(stream, 'listening');
  const { port } = stream.address() as AddressInfo;
  const udp = createSocket('udp4').bind(port, '127.0.0.1');
  await once(udp, 'listening');
  udp.on('message', (query, { address, port: from }) => {
    const reply = answer(query, 'udp');
    if (reply) udp.send(reply, from, address);
  });
  closers.push(() => {
    sockets.forEach((socket) => socket.destroy());
    udp.close();
    return new Promise((resolve) => { stream.close(resolve); });
  });
  return `127.0.0.1:${port}`;
}

interface Parts { flags?: number; id?: Buffer; counts?: [number, number]; question?: Buffer }
const questionOf = (query: Buffer): Buffer => query.subarray(HEADER_BYTES, query.indexOf(0, HEADER_BYTES) + 5);
const typeOf = (query: Buffer): number => questionOf(query).readUInt16BE(questionOf(query).length - 4);

function message(query: Buffer, records: Buffer[], { flags = 0x8180, id = query.subarray(0, 2), counts = [1, records.length], question = questionOf(query) }: Parts = {}): Buffer {
  return Buffer.concat([id, uint16(flags), uint16(counts[0]), uint16(counts[1]), uint16(0), uint16(0), question, ...records]);
}
const record = (name: Buffer, type: number, data: Buffer, length = data.length): Buffer => Buffer.concat([name, uint16(type), uint16(1), uint16(0), uint16(60), uint16(length), data]);
const nameOf = (name: string): Buffer => Buffer.concat([...name.split('.').map((label) => Buffer.concat([Buffer.of(label.length), Buffer.from(label, 'latin1')])), Buffer.of(0)]);
function pointer(to: number): Buffer { return uint16(0xc000 | to); }
function uint16(value: number): Buffer { return Buffer.of(value >> 8, value & 0xff); }

const ADDRESS = Buffer.of(192, 0, 2, 1);
/** Where the first record begins. */
const endOf = (query: Buffer): number => HEADER_BYTES + questionOf(query).length;

const resolve = async (server: string, resolveMx = false): Promise<Resolution> =>
  new Dns(() => Promise.resolve([server])).resolve({ type: 'name', host: 'mail.test' }, resolveMx, { timeoutMs: TIMEOUT_MS });

async function failureOf(server: string, resolveMx = false): Promise<DnsFailure> {
  const begun = Date.now();
  const error = await resolve(server, resolveMx).then((found) => found, (reason: unknown) => reason);
  expect(error).toBeInstanceOf(DnsFailure);
  expect(Date.now() - begun).toBeLessThan(TIMEOUT_MS + SLACK_MS);
  const failure = error as DnsFailure;
  expect(failure.message).toContain('mail.test');
  expect(failure.message + failure.hint).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
  expect(failure.hint).toMatch(/.{20}/);
  return failure;
}

/** What c-ares makes of an answer that it cannot read differs from version to version; each of these tells where to look. */
const UNREADABLE = ['DNS_FAILED', 'DNS_TIMEOUT', 'DNS_UNREACHABLE', 'DNS_SERVFAIL'];

describe('an answer that cannot be read is a failure in time', () => {
  test.each<[string, Answerer]>([
    ['a name that points to itself', (query) => message(query, [record(pointer(endOf(query)), A, ADDRESS)])],
    ['two names that point to each other', (query) => message(query, [record(pointer(endOf(query) + 16), A, ADDRESS), record(pointer(endOf(query)), A, ADDRESS)])],
    ['a name that points behind the end', (query) => message(query, [record(pointer(0x3fff), A, ADDRESS)])],
    ['a label behind the end', (query) => message(query, [Buffer.of(63, 97)])],
    ['a label of a kind that is not there', (query) => message(query, [record(Buffer.of(0x80, 0), A, ADDRESS)])],
    ['a question that points to itself', (query) => message(query, [record(ASKED, A, ADDRESS)], { question: Buffer.concat([ASKED, uint16(A), uint16(1)]) })],
    ['65,535 records of which none is there', (query) => message(query, [], { counts: [1, 65_535] })],
    ['65,535 questions', (query) => message(query, [record(ASKED, A, ADDRESS)], { counts: [65_535, 1] })],
    ['a record that ends behind the end', (query) => message(query, [record(ASKED, A, ADDRESS, 65_535)])],
    ['a header and no more', (query) => message(query, [], { question: Buffer.alloc(0) })],
    ['one byte', () => Buffer.of(0)],
    ['nothing', () => Buffer.alloc(0)],
    ['bytes at random', (query) => Buffer.concat([query.subarray(0, 2), Buffer.from(Array.from({ length: 400 }, (_, index) => (index * 7_919 + 131) & 0xff))])],
    ['the answer to another query', (query) => message(query, [record(ASKED, A, ADDRESS)], { id: Buffer.of(query[0]! ^ 0xff, query[1]!) })],
    ['the answer to another question', (query) => message(query, [record(ASKED, A, ADDRESS)], { question: Buffer.concat([nameOf('else.test'), uint16(A), uint16(1)]) })],
  ])('%s', async (_name, answer) => {
    const server = await serve(answer);
    for (const resolveMx of [false, true]) expect(UNREADABLE).toContain((await failureOf(server, resolveMx)).code);
  }, 2 * (TIMEOUT_MS + SLACK_MS));

  test.each<[string, (socket: Socket) => void]>([
    ['never answers', (socket) => socket.resume()],
    ['closes', (socket) => socket.destroy()],
    ['announces more than it sends', (socket) => socket.resume().write(Buffer.concat([uint16(65_535), Buffer.alloc(10)]))],
    ['sends empty answers for ever', (socket) => {
      const timer = setInterval(() => socket.write(Buffer.alloc(1_000)), 5);
      socket.resume().once('close', () => clearInterval(timer));
    }],
  ])('truncated over UDP, and a server that %s over TCP', async (_name, tcp) => {
    const server = await serve((query) => message(query, [], { flags: 0x8380 }), tcp);
    expect(UNREADABLE).toContain((await failureOf(server)).code);
  });

  test.each<[string, Answerer]>([
    ['truncated over UDP and over TCP', (query) => message(query, [], { flags: 0x8380 })],
    ['the query itself', (query) => query],
  ])('%s: there are no records in it', async (_name, answer) => {
    expect([...UNREADABLE, 'DNS_NOT_FOUND']).toContain((await failureOf(await serve(answer))).code);
  });
});

describe('aliases', () => {
  test.each<[string, (query: Buffer) => Buffer[]]>([
    ['that lead to themselves', () => [record(ASKED, CNAME, ASKED)]],
    ['that lead in a circle', () => [record(ASKED, CNAME, nameOf('b.test')), record(nameOf('b.test'), CNAME, nameOf('c.test')), record(nameOf('c.test'), CNAME, ASKED)]],
    ['of which 500 lead nowhere', () => [record(ASKED, CNAME, nameOf('0.test')), ...Array.from({ length: 500 }, (_, index) => record(nameOf(`${index}.test`), CNAME, nameOf(`${index + 1}.test`)))]],
  ])('%s are no address', async (_name, records) => {
    const server = await serve((query, over) => (over === 'udp' && records(query).length > 10 ? message(query, [], { flags: 0x8380 }) : message(query, records(query))));
    for (const resolveMx of [false, true]) expect([...UNREADABLE, 'DNS_NOT_FOUND']).toContain((await failureOf(server, resolveMx)).code);
  });

  test('in a circle beside an address: in time, whatever is made of it', async () => {
    const server = await serve((query) => message(query, [record(ASKED, CNAME, nameOf('b.test')), record(nameOf('b.test'), CNAME, ASKED), record(ASKED, A, ADDRESS)]));
    const begun = Date.now();
    await resolve(server).catch((error: unknown) => expect(error).toBeInstanceOf(DnsFailure));
    expect(Date.now() - begun).toBeLessThan(TIMEOUT_MS + SLACK_MS);
  });
});

describe('very many records', () => {
  /** Over TCP, for they do not fit into a datagram. */
  const many = (records: (query: Buffer) => Buffer[]): Promise<string> => serve((query, over) => (over === 'udp' ? message(query, [], { flags: 0x8380 }) : message(query, records(query))));

  test('as many addresses as an answer can hold: so many are used as one may try', async () => {
    const server = await many((query) => (typeOf(query) === A ? Array.from({ length: 4_000 }, (_, index) => record(ASKED, A, Buffer.of(10, 0, index >> 8, index & 0xff))) : []));
    const { addresses, leftOut } = await resolve(server);
    expect({ used: addresses.length, leftOut }).toEqual({ used: MAX_ADDRESSES, leftOut: 4_000 - MAX_ADDRESSES });
  });

  test('1,000 MX records that lead nowhere: ten hosts are asked for', async () => {
    const asked = new Set<string>();
    const server = await many((query) => {
      asked.add(questionOf(query).toString('latin1'));
      return typeOf(query) === MX ? Array.from({ length: 1_000 }, (_, index) => record(ASKED, MX, Buffer.concat([uint16(index), nameOf(`mx${index}.mail.test`)]))) : [];
    });
    expect(await failureOf(server, true)).toMatchObject({ code: 'DNS_NOT_FOUND' });
    expect(asked.size).toBe(1 + 2 * MAX_MX_HOSTS);
  });

  test('an MX record whose host holds control characters, or points in a circle, is told without them', async () => {
    for (const host of [nameOf('a\u001b[31m\u0007.test'), Buffer.concat([Buffer.of(1, 97), ASKED])]) {
      const server = await serve((query) => message(query, typeOf(query) === MX ? [record(ASKED, MX, Buffer.concat([uint16(1), host]))] : []));
      const error = await resolve(server, true).then(() => null, (reason: unknown) => reason as DnsFailure);
      expect(error).toBeInstanceOf(DnsFailure);
      expect(error!.message).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
    }
  });
});
