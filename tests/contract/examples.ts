import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';

export interface Contract {
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, Schema>; examples: Record<string, unknown> };
}

export interface Operation {
  operationId: string;
  parameters?: { name: string; in: 'path' | 'query' | 'header'; required?: boolean; schema: Schema }[];
  requestBody?: { content: Record<string, { schema: Schema; examples?: Record<string, Example> }> };
  responses: Record<string, { content?: Record<string, { examples?: Record<string, Example> }> }>;
}

export type Schema = Record<string, unknown> & { $ref?: string; type?: string; properties?: Record<string, Schema>; oneOf?: Schema[]; allOf?: Schema[]; example?: unknown };

/** What the service answered. `id` is that of the resource, if it has one. */
export interface Answer {
  status: number;
  mediaType: string;
  id: string;
  body: Record<string, unknown>;
  text: string;
}

export interface Example {
  summary?: string;
  value: unknown;
}

/** For each operation: its requests by name, and its answers by status, media type and name. */
export type Examples = Record<string, { requests?: Record<string, Example>; responses?: Record<string, Record<string, Record<string, Example>>> }>;

export const EXAMPLES_FILE = 'openapi/examples.json';
export const contract = JSON.parse(readFileSync('openapi/openapi.json', 'utf8')) as Contract;
export const committedExamples = JSON.parse(readFileSync(EXAMPLES_FILE, 'utf8')) as Examples;

export const operations = Object.entries(contract.paths).flatMap(([path, item]) => Object.entries(item).map(([method, operation]) => ({ path, method: method as 'get', operation })));
export const operationOf = (operationId: string): (typeof operations)[number] => operations.find(({ operation }) => operation.operationId === operationId)!;
export const exampleOf = (operationId: string, name: string): unknown => committedExamples[operationId]?.requests?.[name]?.value;

export const resolve = (schema: Schema): Schema => (schema.$ref === undefined ? schema : resolve(contract.components.schemas[schema.$ref.split('/').pop()!]!));

const ZERO = '019ab3c1-7d20-7000-8000-';
const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}/g;
const TIME = /\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?Z/g;
/** What is another one in each run, by the name of its field. */
const FRESH: Record<string, unknown> = { durationMs: 12, validFrom: '2026-03-01T09:30:00.000Z', validTo: '2036-02-27T09:30:00.000Z', daysLeft: 3650, worker: 'mailroom-1:4711', key: 'mr_EXAMPLE-only-this-is-no-key', nextCursor: 'MDE5YWIzYzEtN2QyMC03MDAwLTgwMDAtMDAwMDAwMDAwMDAx' };

/** Shows an answer as that of the service in the contract: with its ids, its times and its mail server. */
export class Showing {
  private readonly ids = new Map<string, string>();

  /** @param ports of the mail servers of this run, and as which they are shown */
  constructor(private readonly ports: Map<number, number>) {}

  show(value: unknown, name = ''): unknown {
    if (value !== null && name in FRESH) return FRESH[name];
    if (typeof value === 'number') return this.ports.get(value) ?? value;
    if (typeof value === 'string') return this.showText(value);
    if (Array.isArray(value)) return value.map((item) => this.show(item));
    if (value === null || typeof value !== 'object') return value;
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, this.show(item, key)]));
  }

  private showText(text: string): string {
    const shown = text.replace(UUID, (id) => this.idOf(id)).replace(TIME, '2026-03-01T09:30:00.000Z')
      .replace(/"durationMs":\d+/g, '"durationMs":12').replaceAll(`220 ${hostname()}`, '220 mail.example.com').replaceAll(`250 ${hostname()}`, '250 mail.example.com').replaceAll(`250-${hostname()}`, '250-mail.example.com').replaceAll(hostname(), 'mailroom-1');
    return [...this.ports].reduce((so, [port, other]) => so.replaceAll(new RegExp(`\\b${port}\\b`, 'g'), String(other)), shown);
  }

  private idOf(id: string): string {
    if (!this.ids.has(id)) this.ids.set(id, `${ZERO}${(this.ids.size + 1).toString(16).padStart(12, '0')}`);
    return this.ids.get(id)!;
  }
}

/** Where two values differ in shape: other fields, or values of another type. null may stand for any. */
export function differences(one: unknown, other: unknown, at = ''): string[] {
  if (one === null || other === null || one === undefined || other === undefined) return [];
  if (Array.isArray(one) && Array.isArray(other)) return one.length > 0 && other.length > 0 ? differences(one[0], other[0], `${at}/0`) : [];
  if (typeof one !== typeof other || Array.isArray(one) !== Array.isArray(other)) return [`${at} is ${typeof other}, and ${typeof one} in the example`];
  if (typeof one !== 'object') return [];
  const [mine, theirs] = [one as Record<string, unknown>, other as Record<string, unknown>];
  const names = [...new Set([...Object.keys(mine), ...Object.keys(theirs)])];
  return names.flatMap((name) => (name in mine && name in theirs ? differences(mine[name], theirs[name], `${at}/${name}`) : [`${at}/${name} is only in ${name in mine ? 'the example' : 'the answer'}`]));
}
