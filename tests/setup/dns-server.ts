import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, createServer, isIPv6, type Server, type Socket } from 'node:net';

/** `silence`: no answer at all. */
export type DnsFault = 'NXDOMAIN' | 'SERVFAIL' | 'REFUSED' | 'silence';

/** What the server knows of one name. A type that is left out is answered with no records (NODATA). */
export type ZoneEntry = DnsFault | {
  A?: string[] | DnsFault;
  AAAA?: string[] | DnsFault;
  /** [preference, host]; the host '' is a null MX. */
  MX?: [number, string][] | DnsFault;
  /** The answer to every type is this record, followed by the target's own. */
  CNAME?: string;
};

/** By name, in lower case, without a final dot. Names that are not in it do not exist. */
export type Zone = Record<string, ZoneEntry>;

export interface DnsServer {
  /** `127.0.0.1:port`, as the DNS settings take it. */
  address: string;
  /** What was asked so far, such as `mail.test A`; `tcp` after those that came over TCP. */
  queries: string[];
  /** May be changed while it runs. */
  zone: Zone;
  close(): Promise<void>;
}

const TYPES = { A: 1, CNAME: 5, MX: 15, AAAA: 28 } as const; // RFC 1035 §3.2.2, RFC 3596
type RecordType = keyof typeof TYPES;
const RCODES = { NOERROR: 0, SERVFAIL: 2, NXDOMAIN: 3, REFUSED: 5 } as const;
const HEADER_BYTES = 12;
const UDP_BYTES = 512; // RFC 1035 §4.2.1
const RESPONSE = 0x8580; // QR, AA, RD, RA
const TRUNCATED = 0x0200;

/** A real DNS server, over UDP and TCP on one free port of 127.0.0.1. */
export async function startDnsServer(zone: Zone = {}): Promise<DnsServer> {
  const sockets = new Set<Socket>();
  const state: DnsServer = { address: '', queries: [], zone, close: () => closeAll(tcp, udp, sockets) };
  const tcp = createServer((socket) => serveTcp(socket, sockets, state));
  const udp = createSocket('udp4');
  await listen(tcp, udp);
  udp.on('message', (query, { address, port }) => {
    const reply = answer(query, state, UDP_BYTES);
    if (reply) udp.send(reply, port, address);
  });
  state.address = `127.0.0.1:${udp.address().port}`;
  return state;
}

/** A port that is free for TCP may be taken for UDP: another one is tried then. */
async function listen(tcp: Server, udp: UdpSocket): Promise<void> {
  for (let tries = 20; ; tries -= 1) {
    tcp.listen(0, '127.0.0.1');
    await once(tcp, 'listening');
    try {
      udp.bind((tcp.address() as AddressInfo).port, '127.0.0.1');
      await once(udp, 'listening');
      return;
    } catch (error) {
      if (tries === 0) throw error;
      await new Promise((resolve) => { tcp.close(resolve); });
    }
  }
}

async function closeAll(tcp: Server, udp: UdpSocket, sockets: Set<Socket>): Promise<void> {
  sockets.forEach((socket) => socket.destroy());
  await Promise.all([new Promise((resolve) => { tcp.close(resolve); }), new Promise<void>((resolve) => { udp.close(resolve); })]);
}

/** RFC 1035 §4.2.2: each message after its length. */
function serveTcp(socket: Socket, sockets: Set<Socket>, state: DnsServer): void {
  let received = Buffer.alloc(0);
  sockets.add(socket);
  socket.on('error', () => {}).once('close', () => sockets.delete(socket));
  socket.on('data', (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
    while (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0)) {
      const end = 2 + received.readUInt16BE(0);
      const reply = answer(received.subarray(2, end), state, null);
      received = received.subarray(end);
      if (reply) socket.write(Buffer.concat([uint16(reply.length), reply]));
    }
  });
}

/** The reply, or null for none. Without a limit it came over TCP. */
function answer(query: Buffer, { zone, queries }: DnsServer, limit: number | null): Buffer | null {
  const { name, end } = readName(query);
  const type = (Object.keys(TYPES) as RecordType[]).find((one) => TYPES[one] === query.readUInt16BE(end)) ?? null;
  queries.push(`${name} ${type ?? query.readUInt16BE(end)}${limit === null ? ' tcp' : ''}`);
  const found = lookUp(zone, name, type);
  if (found === 'silence') return null;
  const question = query.subarray(HEADER_BYTES, end + 4);
  const reply = message(query, question, found);
  return limit !== null && reply.length > limit ? message(query, question, { ...found, records: [] }, TRUNCATED) : reply;
}

interface Found {
  rcode: keyof typeof RCODES;
  records: Buffer[];
}

function lookUp(zone: Zone, name: string, type: RecordType | null): Found | 'silence' {
  const entry = zone[name] ?? 'NXDOMAIN';
  if (typeof entry !== 'string' && entry.CNAME !== undefined) {
    const rest = lookUp(zone, entry.CNAME, type);
    return rest === 'silence' ? rest : { ...rest, records: [record(name, 'CNAME', writeName(entry.CNAME)), ...rest.records] };
  }
  const values = typeof entry === 'string' ? entry : type === null || type === 'CNAME' ? [] : entry[type] ?? [];
  if (values === 'silence') return 'silence';
  if (typeof values === 'string') return { rcode: values, records: [] };
  return { rcode: 'NOERROR', records: values.map((value) => record(name, type!, dataOf(value))) };
}

const dataOf = (value: string | [number, string]): Buffer =>
  Array.isArray(value) ? Buffer.concat([uint16(value[0]), writeName(value[1])]) : isIPv6(value) ? ipv6Bytes(value) : Buffer.from(value.split('.').map(Number));

function message(query: Buffer, question: Buffer, { rcode, records }: Found, flags = 0): Buffer {
  const header = Buffer.concat([query.subarray(0, 2), uint16(RESPONSE | flags | RCODES[rcode]), uint16(1), uint16(records.length), uint16(0), uint16(0)]);
  return Buffer.concat([header, question, ...records]);
}

/** Class IN, and a time to live of 0: nobody may keep it. */
const record = (name: string, type: RecordType, data: Buffer): Buffer =>
  Buffer.concat([writeName(name), uint16(TYPES[type]), uint16(1), uint16(0), uint16(0), uint16(data.length), data]);

function readName(query: Buffer): { name: string; end: number } {
  const labels: string[] = [];
  let at = HEADER_BYTES;
  for (; query[at]! > 0; at += query[at]! + 1) labels.push(query.toString('latin1', at + 1, at + 1 + query[at]!));
  return { name: labels.join('.').toLowerCase(), end: at + 1 };
}

const writeName = (name: string): Buffer =>
  Buffer.concat([...name.split('.').filter(Boolean).map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label, 'latin1')])), Buffer.from([0])]);

function uint16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

/** Without an embedded IPv4 address. */
function ipv6Bytes(address: string): Buffer {
  const [head = '', tail] = address.split('::');
  const groups = (text: string): string[] => text.split(':').filter(Boolean);
  const zeros = tail === undefined ? 0 : 8 - groups(head).length - groups(tail).length;
  return Buffer.concat([...groups(head), ...Array<string>(zeros).fill('0'), ...groups(tail ?? '')].map((group) => uint16(parseInt(group, 16))));
}
