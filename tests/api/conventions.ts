import { readFileSync } from 'node:fs';
import supertest from 'supertest';
import { buildAccount } from '../factories/build-account.js';
import { buildEvent } from '../factories/build-event.js';
import { buildSubscription } from '../factories/build-subscription.js';
import { insertEmail } from '../factories/insert-email.js';
import { createAuthority } from '../factories/issue-certificate.js';
import { ADMIN_KEY, type TestMailroom } from '../setup/mailroom.js';

export interface Operation {
  method: string;
  /** As the contract has it. */
  path: string;
  operationId: string;
  parameters: { name: string; in: string }[];
  /** Media types that it takes. */
  takes: string[];
  /** Media types of its 200. */
  gives: string[];
}

type ContractOperation = { operationId: string; parameters?: { name: string; in: string }[]; requestBody?: { content: object }; responses: Record<string, { content?: object }> };

export const contractPaths = (JSON.parse(readFileSync('openapi/openapi.json', 'utf8')) as { paths: Record<string, Record<string, ContractOperation>> }).paths;

/** Every operation of the contract. */
export const operations: Operation[] = Object.entries(contractPaths).flatMap(([path, item]) => Object.entries(item).map(([method, one]) => ({
  method, path, operationId: one.operationId, parameters: one.parameters ?? [], takes: Object.keys(one.requestBody?.content ?? {}), gives: Object.keys(one.responses['200']?.content ?? {}),
})));

export const isList = ({ path, parameters }: Operation): boolean => parameters.some(({ name }) => name === 'limit') || path === '/subscriptions/defaults';
/** What answers something else than one resource or a list of them. */
export const OTHER_READS = new Set(['streamSmtpTest', 'getSupportBundle', 'explainSubscription']);
export const reads = operations.filter(({ method }) => method === 'get');
export const singles = reads.filter((operation) => !isList(operation) && !OTHER_READS.has(operation.operationId));
export const takesHeader = (name: string) => ({ parameters }: Operation): boolean => parameters.some((parameter) => parameter.name === name);
/** Paths in JSON, for the names of tests. */
export const named = (list: Operation[]): [string, Operation][] => list.map((operation) => [`${operation.method.toUpperCase()} ${operation.path}`, operation]);

/** One resource of each kind by the path of its collection, and so an address for each path of the contract. */
export class Resources {
  private constructor(private readonly ids: Map<string, string>) {}

  static async create(mailroom: TestMailroom): Promise<Resources> {
    const authority = await createAuthority();
    const { key, certificate } = await authority.issue();
    const candidate = { serverAddress: '127.0.0.1', port: 9, security: 'none', senderAddress: 'mailroom@example.com' };
    const bodies: [string, object][] = [
      ['/users', { name: 'Alice', emailAddress: 'alice@example.com' }],
      ['/subscriptions', buildSubscription()],
      ['/accounts', buildAccount()],
      ['/api-keys', { name: 'one', role: 'auditor' }],
      ['/events', buildEvent()],
      ['/smtp-tests', { sendTo: 'admin@example.com', settings: candidate }],
      ['/certificate-requests', { subject: { commonName: 'mailroom.example.com' }, keyType: 'ecP256' }],
      ['/trusted-certificates', { certificate: authority.root }],
      ['/client-certificates', { certificate: certificate + key }],
    ];
    const ids = new Map([['/event-types', 'InvoicePaid'], ['/email-templates', 'PasswordCheckFailed'], ['/emails', (await insertEmail(mailroom.container.database)).id]]);
    await mailroom.as().put('/v1/event-types/InvoicePaid', {}).expect(201);
    for (const [path, body] of bodies) {
      const { status, body: made } = await mailroom.as().post(`/v1${path}`, body);
      if (status !== 201 && status !== 202) throw new Error(`POST ${path} is ${status}: ${JSON.stringify(made)}`);
      ids.set(path, (made as { id: string }).id);
    }
    return new Resources(ids);
  }

  /** Throws for a path of a kind that is not among them: add one, so that its conventions are tried. */
  pathOf(path: string): string {
    const collection = path.slice(0, path.indexOf('/', 1) === -1 ? undefined : path.indexOf('/', 1));
    const id = this.ids.get(collection);
    if (path.includes('{') && id === undefined) throw new Error(`there is no resource to try ${path} with: add one to Resources`);
    return `/v1${path.replace(/\{\w+\}/, id ?? '')}`;
  }
}

/** A request with any method, by the administrator unless the key is null. */
export function request({ container }: TestMailroom, method: string, path: string, key: string | null = ADMIN_KEY): supertest.Test {
  const made = (supertest(container.app) as unknown as Record<string, (to: string) => supertest.Test>)[method.toLowerCase()]!(path);
  return key === null ? made : made.set('Authorization', `Bearer ${key}`);
}
