import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { Response } from 'supertest';
import { buildSettings } from '../factories/build-settings.js';
import { createAuthority, type IssuedCertificate, type TestAuthority } from '../factories/issue-certificate.js';
import { startMailroom, type TestMailroom } from '../setup/mailroom.js';
import { auditOf, forgetAudit } from './audit.js';
import { meetAtLock } from './race.js';

const PATH = '/v1/client-certificates';
const LOCK = 'SELECT 1 FROM tls_material FOR UPDATE';

let mailroom: TestMailroom;
let authority: TestAuthority;

beforeAll(async () => {
  [mailroom, authority] = await Promise.all([startMailroom({ workers: false }), createAuthority()]);
});
beforeEach(async () => {
  await mailroom.as().put('/v1/smtp-settings', {}).expect(200);
  await mailroom.container.database.prisma.tlsMaterial.updateMany({ data: { activeClientCertificateId: null } });
  await mailroom.container.database.prisma.clientCertificate.deleteMany();
  await forgetAudit(mailroom);
});
afterAll(async () => {
  await mailroom.close();
});

interface Row { id: string; active: boolean; replacedAt: string | null }
const list = async (): Promise<Row[]> => (await mailroom.as().get(PATH).expect(200)).body.items as Row[];
const post = ({ chain, key }: IssuedCertificate) => mailroom.as().post(PATH, { certificate: chain + key });
const install = async (): Promise<Row> => (await post(await authority.issue()).expect(201)).body as Row;
const activate = (id: string) => mailroom.as().post(`${PATH}/${id}/activate`);
const remove = (id: string) => mailroom.as().delete(`${PATH}/${id}`);
const use = () => mailroom.as().put('/v1/smtp-settings', buildSettings({ useClientCertificate: true }));
const statusesOf = (answers: Response[]): number[] => answers.map(({ status }) => status).sort();

/** At most one is active, and only those that were replaced say so. */
async function expectOneActive(): Promise<void> {
  const all = await list();
  expect(all.filter(({ active }) => active)).toHaveLength(1);
  expect(all.filter(({ active, replacedAt }) => active === (replacedAt !== null))).toEqual([]);
}

/** Never are the settings without the certificate that they present. */
async function expectUsable(): Promise<void> {
  const { body } = await mailroom.as().get('/v1/smtp-settings').expect(200);
  const hasActive = (await list()).some(({ active }) => active);
  expect({ used: body.useClientCertificate as boolean, hasActive }).not.toEqual({ used: true, hasActive: false });
}

describe('installs at once', () => {
  test('of the same file make one row', async () => {
    const issued = await authority.issue();
    const answers = await meetAtLock(mailroom, LOCK, Array.from({ length: 8 }, () => () => post(issued)));
    expect(statusesOf(answers)).toEqual([200, 200, 200, 200, 200, 200, 200, 201]);
    expect(new Set(answers.map(({ body }) => (body as Row).id)).size).toBe(1);
    await expectOneActive();
    expect(await list()).toHaveLength(1);
    expect((await auditOf(mailroom, 'clientCertificate')).map(({ action }) => action).sort()).toEqual(['create', ...new Array<string>(7).fill('update')]);
  });

  test('of different files leave one active', async () => {
    const issued = await Promise.all(Array.from({ length: 6 }, () => authority.issue()));
    const answers = await meetAtLock(mailroom, LOCK, issued.map((one) => () => post(one)));
    expect(statusesOf(answers)).toEqual(new Array(6).fill(201));
    await expectOneActive();
  });

  test('for one request leave one active', async () => {
    const { body } = await mailroom.as().post('/v1/certificate-requests', { subject: { commonName: 'mailroom' }, keyType: 'ecP256' }).expect(201);
    const issued = await Promise.all(Array.from({ length: 4 }, () => authority.issue({ csr: body.pem as string })));
    await Promise.all(issued.map((one) => post(one).expect(201)));
    await expectOneActive();
    expect(await list()).toHaveLength(4);
  });
});

test('activations at once leave one active', async () => {
  const certificates = [await install(), await install(), await install(), await install()];
  const inactive = certificates.slice(0, 3); // one that is active needs no lock
  const answers = await meetAtLock(mailroom, LOCK, inactive.map(({ id }) => () => activate(id)));
  expect(statusesOf(answers)).toEqual([200, 200, 200]);
  await expectOneActive();
});

test('of changes that know the same ETag one is made', async () => {
  const [a] = [await install(), await install()];
  const etag = (await mailroom.as().get(`${PATH}/${a.id}`)).headers['etag']!;
  const answers = await meetAtLock(mailroom, LOCK, [() => activate(a.id).set('If-Match', etag), () => activate(a.id).set('If-Match', etag), () => remove(a.id).set('If-Match', etag)]);
  const done = answers.filter(({ status }) => status < 300);
  expect(done).toHaveLength(1);
  for (const { status } of answers.filter((answer) => !done.includes(answer))) expect([404, 412]).toContain(status);
});

describe('a certificate that is deleted while it is activated', () => {
  test.each([['delete first', 0], ['activate first', 1]])('%s', async (_name, order) => {
    const [a, b] = [await install(), await install()];
    const requests = [() => remove(a.id), () => activate(a.id)];
    const answers = await meetAtLock(mailroom, LOCK, order === 0 ? requests : requests.reverse());
    expect(answers.map(({ status }) => status).filter((status) => status >= 500)).toEqual([]);
    const active = (await list()).filter((one) => one.active).map(({ id }) => id);
    const activeId = (await mailroom.container.database.prisma.tlsMaterial.findUniqueOrThrow({ where: { id: 1 } })).activeClientCertificateId;
    expect(activeId).toBe(active[0] ?? null);
    expect((await list()).map(({ id }) => id)).toEqual([b.id]);
  });
});

describe('settings that begin to use the certificate while it is deleted', () => {
  test.each(Array.from({ length: 6 }, (_, round) => [round]))('round %i', async (round) => {
    const { id } = await install();
    const requests = [() => use(), () => remove(id)];
    const [one, other] = await meetAtLock(mailroom, LOCK, round % 2 === 0 ? requests : requests.reverse());
    const [used, removed] = round % 2 === 0 ? [one, other] : [other, one];
    expect([[200, 409], [400, 204]]).toContainEqual([used!.status, removed!.status]);
    await expectUsable();
  });

  test('without waiting for each other', async () => {
    for (let round = 0; round < 10; round += 1) {
      await mailroom.as().put('/v1/smtp-settings', {}).expect(200);
      const { id } = await install();
      const answers = await Promise.all([use(), remove(id), use(), remove(id)]);
      expect(answers.map(({ status }) => status).filter((status) => status >= 500)).toEqual([]);
      await expectUsable();
    }
  });

  test('and a new one is installed at the same time', async () => {
    const { id } = await install();
    const issued = await authority.issue();
    const answers = await meetAtLock(mailroom, LOCK, [() => use(), () => remove(id), () => post(issued)]);
    expect(answers[2]!.status).toBe(201);
    expect([[200, 204], [200, 409], [400, 204]]).toContainEqual([answers[0]!.status, answers[1]!.status]);
    await expectUsable();
    await expectOneActive();
  });
});
