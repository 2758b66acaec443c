import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import supertest, { type Response } from 'supertest';
import type { Role } from '../../src/contract/actor.js';
import { buildSettings } from '../factories/build-settings.js';
import { ADMIN_KEY, startMailroom, type TestMailroom } from '../setup/mailroom.js';
import { expectProblem } from './expect-problem.js';

const ROLES: Role[] = ['administrator', 'auditor', 'publisher'];
const [ADMINISTRATOR, READERS, PUBLISHERS, ALL] = [['administrator'], ['administrator', 'auditor'], ['administrator', 'publisher'], ROLES];

/** Who may do what. An operation that is not listed here fails a test below. */
const ALLOWED: Record<string, string[]> = {
  'GET /api-keys': READERS,
  'POST /api-keys': ADMINISTRATOR,
  'GET /api-keys/{id}': READERS,
  'DELETE /api-keys/{id}': ADMINISTRATOR,
  'GET /audit-log': READERS,
  'GET /email-templates': READERS,
  'POST /email-templates/preview': READERS,
  'GET /email-templates/{eventType}': READERS,
  'PUT /email-templates/{eventType}': ADMINISTRATOR,
  'DELETE /email-templates/{eventType}': ADMINISTRATOR,
  'POST /email-templates/{eventType}/preview': READERS,
  'POST /email-templates/{eventType}/send-test': ADMINISTRATOR,
  'GET /emails': ALL,
  'POST /emails/retry': ADMINISTRATOR,
  'GET /emails/{id}': ALL,
  'POST /emails/{id}/retry': ADMINISTRATOR,
  'POST /emails/{id}/cancel': ADMINISTRATOR,
  'GET /event-types': ALL,
  'GET /event-types/{name}': ALL,
  'PUT /event-types/{name}': PUBLISHERS,
  'DELETE /event-types/{name}': ADMINISTRATOR,
  'GET /events': ALL,
  'POST /events': PUBLISHERS,
  'POST /events/batch': PUBLISHERS,
  'GET /events/{id}': ALL,
  'GET /smtp-settings': READERS,
  'PUT /smtp-settings': ADMINISTRATOR,
  'GET /subscriptions': READERS,
  'POST /subscriptions': ADMINISTRATOR,
  'GET /subscriptions/defaults': READERS,
  'POST /subscriptions/defaults': ADMINISTRATOR,
  'GET /subscriptions/explain': READERS,
  'GET /subscriptions/{id}': READERS,
  'PUT /subscriptions/{id}': ADMINISTRATOR,
  'DELETE /subscriptions/{id}': ADMINISTRATOR,
  'GET /support-bundle': READERS,
  'GET /users': READERS,
  'POST /users': ADMINISTRATOR,
  'GET /users/{id}': READERS,
  'PUT /users/{id}': ADMINISTRATOR,
  'DELETE /users/{id}': ADMINISTRATOR,
  'POST /smtp-tests': ADMINISTRATOR,
  'GET /smtp-tests': READERS,
  'GET /smtp-tests/{id}': READERS,
  'GET /smtp-tests/{id}/stream': READERS,
  'GET /dns-settings': READERS,
  'PUT /dns-settings': ADMINISTRATOR,
  'GET /accounts': READERS,
  'POST /accounts': ADMINISTRATOR,
  'GET /accounts/{id}': READERS,
  'PUT /accounts/{id}': ADMINISTRATOR,
  'DELETE /accounts/{id}': ADMINISTRATOR,
  'PUT /accounts/{id}/password': ADMINISTRATOR,
  'GET /certificate-requests': READERS,
  'POST /certificate-requests': ADMINISTRATOR,
  'GET /certificate-requests/{id}': READERS,
  'DELETE /certificate-requests/{id}': ADMINISTRATOR,
  'GET /client-certificates': READERS,
  'POST /client-certificates': ADMINISTRATOR,
  'POST /client-certificates/upload': ADMINISTRATOR,
  'GET /client-certificates/{id}': READERS,
  'POST /client-certificates/{id}/activate': ADMINISTRATOR,
  'DELETE /client-certificates/{id}': ADMINISTRATOR,
  'GET /trusted-certificates': READERS,
  'POST /trusted-certificates': ADMINISTRATOR,
  'POST /trusted-certificates/upload': ADMINISTRATOR,
  'GET /trusted-certificates/{id}': READERS,
  'DELETE /trusted-certificates/{id}': ADMINISTRATOR,
};

const contract = JSON.parse(readFileSync(new URL('../../openapi/openapi.json', import.meta.url), 'utf8')) as { paths: Record<string, Record<string, unknown>> };
const operations = Object.entries(contract.paths).flatMap(([path, methods]) => Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`));

let mailroom: TestMailroom;
const keys = new Map<Role, string>();

beforeAll(async () => {
  mailroom = await startMailroom({ workers: false, env: { MAILROOM_TRUSTED_PROXIES: '127.0.0.0/8,::1' } });
  for (const role of ROLES) keys.set(role, await mailroom.keyOf(role));
});
afterAll(async () => {
  await mailroom.close();
});

let clients = 0;
/** Each request comes from another address: few failed keys of one address are heard. */
const nextClient = (): string => `198.51.${Math.floor((clients += 1) / 250)}.${clients % 250}`;

/** Sends an operation of the contract, with an id that nothing has and an empty body. */
async function send(operation: string, authorization?: string): Promise<Response> {
  const [method, pattern] = operation.split(' ') as [string, string];
  const path = `/v1${pattern.replace(/\{(id|eventId)\}/, '01900000-0000-7000-8000-000000000000').replace(/\{\w+\}/, 'NoSuchType')}`;
  const request = supertest(mailroom.container.app)[method.toLowerCase() as 'get' | 'post' | 'put' | 'delete'](path).set('X-Forwarded-For', nextClient());
  if (authorization !== undefined) request.set('Authorization', authorization);
  if (pattern.endsWith('/upload')) return request.attach('file', Buffer.from('no certificate'), 'file.pem');
  return method === 'GET' || method === 'DELETE' ? request : request.send({});
}

test('every operation of the contract is in the table of who may do what', () => {
  expect(Object.keys(ALLOWED).sort()).toEqual([...operations].sort());
});

describe('401', () => {
  test.each(operations)('%s without a key', async (operation) => {
    const response = await send(operation);
    expectProblem(response, 401, 'API_KEY_REQUIRED');
    expect(response.headers['www-authenticate']).toBe('Bearer realm="mailroom"');
  });

  test.each(operations)('%s with a key that nobody has', async (operation) => {
    expectProblem(await send(operation, 'Bearer mr_wrong'), 401, 'API_KEY_UNKNOWN');
  });

  test.each([
    ['an empty header', ''],
    ['no key', 'Bearer'],
    ['another scheme', `Basic ${Buffer.from(`x:${ADMIN_KEY}`).toString('base64')}`],
    ['the bare key', ADMIN_KEY],
    ['two keys', `Bearer ${ADMIN_KEY} ${ADMIN_KEY}`],
    ['two spaces', `Bearer  ${ADMIN_KEY}`],
    ['a key of 256 characters', `Bearer ${'k'.repeat(256)}`],
    ['a key that is not ASCII', 'Bearer schl\u00fcssel'],
  ])('%s is refused as no key', async (_name, authorization) => {
    const response = await send('GET /events', authorization);
    expectProblem(response, 401, 'API_KEY_REQUIRED');
    expect(response.headers['www-authenticate']).toBe('Bearer realm="mailroom"');
  });

  test.each([
    ['that nobody has', 'mr_wrong'],
    ['in another case', ADMIN_KEY.toUpperCase()],
    ['with a character more', `${ADMIN_KEY}x`],
    ['with a character less', ADMIN_KEY.slice(0, -1)],
    ['that is SQL', "'OR'1'='1"],
  ])('a key %s is unknown, and not repeated', async (_name, key) => {
    const response = await send('GET /events', `Bearer ${key}`);
    expectProblem(response, 401, 'API_KEY_UNKNOWN');
    expect(response.text).not.toContain(key);
    expect(response.headers['www-authenticate']).toBe('Bearer realm="mailroom"');
  });

  test('the scheme is not case-sensitive (RFC 9110 §11.1)', async () => {
    expect((await send('GET /events', `bearer ${ADMIN_KEY}`)).status).toBe(200);
  });
});

describe('roles', () => {
  test.each(operations.flatMap((operation) => ROLES.map((role) => [operation, role] as const)))('%s as %s', async (operation, role) => {
    const response = await send(operation, `Bearer ${keys.get(role)!}`);
    if (ALLOWED[operation]!.includes(role)) expect([401, 403, 500]).not.toContain(response.status);
    else expect(expectProblem(response, 403, 'ROLE_INSUFFICIENT').detail).toContain(role);
  });

  test.each(['auditor', 'publisher'] as const)('a write that is refused to a %s changes nothing', async (role) => {
    const { prisma } = mailroom.container.database;
    const [settings, audit] = [await prisma.smtpSettings.findMany(), await prisma.auditEntry.count()];
    await mailroom.as(keys.get(role)).put('/v1/smtp-settings', buildSettings()).expect(403);
    expect(await prisma.smtpSettings.findMany()).toEqual(settings);
    expect(await prisma.auditEntry.count()).toBe(audit);
  });
});
