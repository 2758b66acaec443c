import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { ClientCertificate } from '../../src/client-certificates/client-certificates.contract.js';
import { buildSettings } from '../factories/build-settings.js';
import { createAuthority, type IssuedCertificate, type TestAuthority } from '../factories/issue-certificate.js';
import { startMailroom, type TestMailroom } from '../setup/mailroom.js';
import { auditOf, forgetAudit } from './audit.js';
import { expectProblem } from './expect-problem.js';

const PATH = '/v1/client-certificates';
const SETTINGS = '/v1/smtp-settings';

let mailroom: TestMailroom;
let authority: TestAuthority;

beforeAll(async () => {
  [mailroom, authority] = await Promise.all([startMailroom({ workers: false }), createAuthority()]);
});
beforeEach(async () => {
  await mailroom.as().put(SETTINGS, {}).expect(200);
  await mailroom.container.database.prisma.tlsMaterial.updateMany({ data: { activeClientCertificateId: null } });
  await mailroom.container.database.prisma.clientCertificate.deleteMany();
  await forgetAudit(mailroom);
});
afterAll(async () => {
  await mailroom.close();
});

const rows = () => mailroom.container.database.prisma.clientCertificate.findMany({ orderBy: { id: 'asc' } });
const activeId = async (): Promise<string | null> => (await mailroom.container.database.prisma.tlsMaterial.findUniqueOrThrow({ where: { id: 1 } })).activeClientCertificateId;
const use = (useClientCertificate: boolean) => mailroom.as().put(SETTINGS, buildSettings({ useClientCertificate }));
const path = ({ id }: { id: string }): string => `${PATH}/${id}`;
const read = async (certificate: { id: string }): Promise<ClientCertificate> => (await mailroom.as().get(path(certificate)).expect(200)).body as ClientCertificate;
const etagOf = async (certificate: { id: string }): Promise<string> => (await mailroom.as().get(path(certificate)).expect(200)).headers['etag']!;
const post = ({ chain, key }: IssuedCertificate) => mailroom.as().post(PATH, { certificate: chain + key });
const install = async (commonName = 'mailroom.example.com'): Promise<ClientCertificate> => (await post(await authority.issue({ commonName })).expect(201)).body as ClientCertificate;
const activate = (certificate: { id: string }) => mailroom.as().post(`${path(certificate)}/activate`);

/** As its row says once its time is over. */
const expire = ({ id }: { id: string }) => mailroom.container.database.prisma.clientCertificate.update({ where: { id }, data: { validTo: new Date(Date.now() - 1000) } });

test('the last one that was installed is the active one, and the others are history', async () => {
  const a = await install('a');
  const b = await install('b');
  expect(b).toMatchObject({ active: true, replacedAt: null });
  const [old, current] = [await read(a), await read(b)];
  expect(old).toEqual({ ...a, active: false, replacedAt: b.activatedAt });
  expect(current).toEqual(b);
  expect(await activeId()).toBe(b.id);
});

test('an old one is activated again', async () => {
  const [a, b] = [await install('a'), await install('b')];
  const auditor = await mailroom.as().post('/v1/api-keys', { name: 'Second administrator', role: 'administrator' }).expect(201);
  const response = await mailroom.as(auditor.body.key as string).post(`${path(a)}/activate`).expect(200);
  const again = response.body as ClientCertificate;
  expect(again).toEqual({ ...a, active: true, replacedAt: null, activatedAt: again.activatedAt, activatedBy: 'Second administrator' });
  expect(Date.parse(again.activatedAt)).toBeGreaterThanOrEqual(Date.parse(b.activatedAt));
  expect(response.headers['etag']).toBe(await etagOf(a));
  expect(await read(b)).toEqual({ ...b, active: false, replacedAt: again.activatedAt });
  expect(await activeId()).toBe(a.id);
});

test('activating the active one changes nothing', async () => {
  const a = await install();
  const before = await rows();
  const response = await activate(a).expect(200);
  expect(response.body).toEqual(a);
  expect(await rows()).toEqual(before);
});

test('activate takes an empty body', async () => {
  const [a] = [await install('a'), await install('b')];
  await activate(a).set('Content-Length', '0').expect(200);
});

describe('the same file again', () => {
  test('is 200 and no second row', async () => {
    const issued = await authority.issue();
    const first = await post(issued).expect(201);
    const again = await post(issued).expect(200);
    const { activatedAt } = again.body as ClientCertificate;
    expect(again.body).toEqual({ ...first.body, activatedAt });
    expect(again.headers).toMatchObject({ location: first.headers['location'], etag: await etagOf(first.body as ClientCertificate) });
    expect(await rows()).toHaveLength(1);
  });

  test('makes it the active one again', async () => {
    const issued = await authority.issue();
    const a = (await post(issued).expect(201)).body as ClientCertificate;
    const b = await install('b');
    const again = (await post(issued).expect(200)).body as ClientCertificate;
    expect(again).toEqual({ ...a, active: true, replacedAt: null, activatedAt: again.activatedAt });
    expect(await read(b)).toMatchObject({ active: false, replacedAt: again.activatedAt });
    expect((await rows()).map(({ id }) => id)).toEqual([a.id, b.id]);
  });

  test('gives it the chain that was missing', async () => {
    const issued = await authority.issue();
    const alone = (await mailroom.as().post(PATH, { certificate: issued.certificate + issued.key }).expect(201)).body as ClientCertificate;
    expect(alone.chain).toEqual([]);
    const again = (await post(issued).expect(200)).body as ClientCertificate;
    expect(again).toMatchObject({ id: alone.id, pem: issued.chain, chain: [{ subject: 'CN=Test Issuing CA' }] });
    expect(await read(alone)).toEqual(again);
  });

  test('of a request needs that request', async () => {
    const { body } = await mailroom.as().post('/v1/certificate-requests', { subject: { commonName: 'mailroom' }, keyType: 'ecP256' }).expect(201);
    const { chain } = await authority.issue({ csr: body.pem as string });
    const first = await mailroom.as().post(PATH, { certificate: chain }).expect(201);
    expect((await mailroom.as().post(PATH, { certificate: chain }).expect(200)).body.id).toBe(first.body.id);
    await mailroom.as().delete(`/v1/certificate-requests/${body.id}`).expect(204);
    expectProblem(await mailroom.as().post(PATH, { certificate: chain }), 400, 'CERTIFICATE_REQUEST_NOT_FOUND');
    expect(await read(first.body as ClientCertificate)).toMatchObject({ active: true });
  });
});

describe('one that has expired', () => {
  test('is not activated again', async () => {
    const [a, b] = [await install('a'), await install('b')];
    await expire(a);
    const before = await rows();
    expect(expectProblem(await activate(a), 409, 'CERTIFICATE_EXPIRED').detail).toMatch(/expired on/);
    expect(await rows()).toEqual(before);
    expect(await activeId()).toBe(b.id);
  });

  test('stays the active one when it was', async () => {
    const a = await install();
    await expire(a);
    expect((await activate(a).expect(200)).body).toMatchObject({ active: true });
  });

  test('can be deleted', async () => {
    const [a] = [await install('a'), await install('b')];
    await expire(a);
    await mailroom.as().delete(path(a)).expect(204);
  });
});

describe('in use by the SMTP settings', () => {
  test('they cannot use one while none is active', async () => {
    const before = (await mailroom.as().get(SETTINGS).expect(200)).body as object;
    const { detail } = expectProblem(await use(true), 400, 'SMTP_CLIENT_CERTIFICATE_REQUIRED', [{ pointer: '/useClientCertificate' }]);
    expect(detail).toContain('POST /v1/client-certificates');
    expect((await mailroom.as().get(SETTINGS).expect(200)).body).toEqual(before);
    await use(false).expect(200);
    await install();
    expect((await use(true).expect(200)).body).toMatchObject({ useClientCertificate: true });
  });

  test('nor without TLS', async () => {
    await install();
    expectProblem(await mailroom.as().put(SETTINGS, buildSettings({ useClientCertificate: true, security: 'none' })), 400, 'SMTP_CLIENT_CERTIFICATE_REQUIRED', [{ pointer: '/useClientCertificate' }]);
  });

  test('nor a test of settings that are not saved', async () => {
    const send = () => mailroom.as().post('/v1/smtp-tests', { sendTo: 'admin@example.com', settings: buildSettings({ useClientCertificate: true }) });
    expectProblem(await send(), 400, 'SMTP_CLIENT_CERTIFICATE_REQUIRED', [{ pointer: '/settings/useClientCertificate' }]);
    await install();
    await send().expect(202);
  });

  test('the active one cannot be deleted, an old one can', async () => {
    const [a, b] = [await install('a'), await install('b')];
    await use(true).expect(200);
    const { detail } = expectProblem(await mailroom.as().delete(path(b)), 409, 'CLIENT_CERTIFICATE_IN_USE');
    expect(detail).toContain('useClientCertificate');
    expect(await activeId()).toBe(b.id);
    await mailroom.as().delete(path(a)).expect(204);
    expect((await rows()).map(({ id }) => id)).toEqual([b.id]);
  });

  test('another one takes its place, and then it can be deleted', async () => {
    const a = await install('a');
    await use(true).expect(200);
    await install('b');
    await mailroom.as().delete(path(a)).expect(204);
    expect((await mailroom.as().get(SETTINGS)).body).toMatchObject({ useClientCertificate: true });
  });
});

test('the active one that is not in use can be deleted, and then none is active', async () => {
  const [a, b] = [await install('a'), await install('b')];
  await use(true).expect(200);
  await use(false).expect(200);
  await mailroom.as().delete(path(b)).expect(204);
  expect(await activeId()).toBeNull();
  expect(await read(a)).toMatchObject({ active: false });
  expectProblem(await mailroom.as().get(path(b)), 404, 'NOT_FOUND');
  expectProblem(await use(true), 400, 'SMTP_CLIENT_CERTIFICATE_REQUIRED');
  await activate(a).expect(200);
  await use(true).expect(200);
});

describe('If-Match', () => {
  test.each<[string, (certificate: ClientCertificate) => ReturnType<typeof activate>, number]>([
    ['activate', activate, 200],
    ['delete', (certificate) => mailroom.as().delete(path(certificate)), 204],
  ])('%s', async (_name, send, done) => {
    const a = await install('a');
    const stale = await etagOf(a);
    await install('b');
    const current = await etagOf(a);
    expect(current).not.toBe(stale);
    const before = await rows();
    expectProblem(await send(a).set('If-Match', stale), 412, 'PRECONDITION_FAILED', [{ parameter: 'If-Match' }]);
    expectProblem(await send(a).set('If-Match', '"999"'), 412, 'PRECONDITION_FAILED');
    expect(await rows()).toEqual(before);
    await send(a).set('If-Match', current).expect(done);
  });

  test.each<['activate' | 'delete']>([['activate'], ['delete']])('* for %s means whatever is there', async (action) => {
    const [a] = [await install('a'), await install('b')];
    await (action === 'activate' ? activate(a) : mailroom.as().delete(path(a))).set('If-Match', '*').expect(action === 'activate' ? 200 : 204);
  });
});

test('the audit log tells every change', async () => {
  const issued = await authority.issue({ commonName: 'a' });
  const a = (await post(issued).expect(201)).body as ClientCertificate;
  const b = await install('b');
  await activate(a).expect(200);
  await activate(b).expect(200);
  await post(issued).expect(200);
  await mailroom.as().delete(path(a)).expect(204);
  const told = (await auditOf(mailroom, 'clientCertificate')).map(({ action, resourceId, oldValue, newValue }) => {
    const [before, after] = [oldValue, newValue].map((value) => (value as { active: boolean } | null)?.active ?? null);
    return [action, resourceId === a.id ? 'a' : 'b', before, after];
  });
  const [replaced, activated] = [(name: string) => ['update', name, true, false], (name: string) => ['update', name, false, true]];
  expect(told).toEqual([
    ['create', 'a', null, true], replaced('a'), ['create', 'b', null, true], replaced('b'), activated('a'), replaced('a'), activated('b'), replaced('b'), activated('a'), ['delete', 'a', true, null],
  ]);
});
