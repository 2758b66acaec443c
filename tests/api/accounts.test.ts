import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { FieldError } from '../../src/errors.js';
import { bindingOf } from '../../src/accounts/binding.js';
import { KeyRing, SecretError } from '../../src/secrets/key-ring.js';
import { buildAccount, buildAssetAccount } from '../factories/build-account.js';
import { buildSettings } from '../factories/build-settings.js';
import { startMailroom, type TestMailroom } from '../setup/mailroom.js';
import { auditOf } from './audit.js';
import { expectProblem } from './expect-problem.js';

const PATH = '/v1/accounts';
const NOBODY = '01900000-0000-7000-8000-000000000000';

let mailroom: TestMailroom;

beforeAll(async () => {
  mailroom = await startMailroom({ workers: false });
});
afterAll(async () => {
  await mailroom.close();
});

type Body = Record<string, unknown> & { id: string };
const make = async (write: object = buildAccount()): Promise<Body> => (await mailroom.as().post(PATH, write).expect(201)).body as Body;
const row = (id: string) => mailroom.container.database.prisma.account.findUniqueOrThrow({ where: { id } });
const without = (write: object, field: string): object => Object.fromEntries(Object.entries(write).filter(([key]) => key !== field));

describe('create, read, list, delete', () => {
  test('a directory account', async () => {
    const response = await mailroom.as().post(PATH, buildAccount()).expect(201);
    const { id, createdAt } = response.body as Body;
    expect(response.headers['location']).toBe(`${PATH}/${id}`);
    expect(response.headers['etag']).toBe('"1"');
    expect(response.body).toEqual({
      id, kind: 'directory', domainName: 'corp.example.com', accountName: 'svc-mail@corp.example.com', hasPassword: true, allowedServers: ['mail.example.com'],
      createdAt, updatedAt: expect.any(String), updatedBy: 'MAILROOM_ADMIN_KEY',
    });
    const read = await mailroom.as().get(`${PATH}/${id}`).expect(200);
    expect(read.body).toEqual(response.body);
    expect(read.headers['etag']).toBe('"1"');
  });

  test('an asset account, without a password yet', async () => {
    const body = await make(without(buildAssetAccount(), 'password'));
    expect(body).toMatchObject({ kind: 'asset', assetName: 'mail-relay-01', accountName: 'mailroom', hasPassword: false, allowedServers: ['10.0.0.25'] });
    expect(body).not.toHaveProperty('domainName');
    expect((await row(body.id)).passwordCiphertext).toBeNull();
  });

  test('servers are kept in lower case, each once however it is written', async () => {
    const body = await make(buildAccount({ allowedServers: ['Mail.Example.COM', 'mail.example.com.', 'MÜLLER.example', 'xn--mller-kva.example', '[2001:DB8::0:25]', '[2001:db8::25]', '192.0.2.25'] }));
    expect(body['allowedServers']).toEqual(['mail.example.com', 'müller.example', '[2001:db8::0:25]', '192.0.2.25']);
  });

  test('the list is newest first, in pages', async () => {
    const made = [await make(), await make(buildAssetAccount()), await make()].map(({ id }) => id).reverse();
    const first = await mailroom.as().get(`${PATH}?limit=2`).expect(200);
    expect((first.body.items as Body[]).map(({ id }) => id)).toEqual(made.slice(0, 2));
    const next = await mailroom.as().get(`${PATH}?limit=1&cursor=${first.body.nextCursor}`).expect(200);
    expect((next.body.items as Body[]).map(({ id }) => id)).toEqual(made.slice(2));
    expectProblem(await mailroom.as().get(`${PATH}?limit=0`), 400, 'VALIDATION_FAILED', [{ parameter: 'limit' }]);
    expectProblem(await mailroom.as().get(`${PATH}?cursor=x`), 400, 'CURSOR_INVALID');
  });

  test('deleted, it is gone', async () => {
    const { id } = await make();
    await mailroom.as().delete(`${PATH}/${id}`).expect(204);
    expectProblem(await mailroom.as().get(`${PATH}/${id}`), 404, 'NOT_FOUND');
    expectProblem(await mailroom.as().delete(`${PATH}/${id}`), 404, 'NOT_FOUND');
  });

  test.each<['get' | 'put' | 'delete', string, object | undefined]>([
    ['get', '', undefined], ['put', '', buildAccount()], ['put', '/password', { password: 'x' }], ['delete', '', undefined],
  ])('%s %s of none there is: 404; of no id: 400', async (method, rest, body) => {
    expectProblem(await mailroom.as()[method](`${PATH}/${NOBODY}${rest}`, body), 404, 'NOT_FOUND');
    expectProblem(await mailroom.as()[method](`${PATH}/x${rest}`, body), 400, 'VALIDATION_FAILED', [{ parameter: 'id' }]);
  });
});

describe('refused, and nothing is stored', () => {
  const SHAPE = 'VALIDATION_FAILED';
  const SERVER = 'SMTP_SERVER_ADDRESS_INVALID';

  test.each<[string, object, string, Partial<FieldError>]>([
    ['another kind', { ...buildAccount(), kind: 'service' }, SHAPE, { pointer: '/kind' }],
    ['no kind', without(buildAccount(), 'kind'), SHAPE, { pointer: '/kind' }],
    ['no domain', without(buildAccount(), 'domainName'), SHAPE, { pointer: '/domainName', message: 'is required' }],
    ['an empty domain', buildAccount({ domainName: '' }), SHAPE, { pointer: '/domainName' }],
    ['no asset', without(buildAssetAccount(), 'assetName'), SHAPE, { pointer: '/assetName', message: 'is required' }],
    ['no account name', without(buildAccount(), 'accountName'), SHAPE, { pointer: '/accountName', message: 'is required' }],
    ['an account name of 256 characters', buildAccount({ accountName: 'a'.repeat(256) }), SHAPE, { pointer: '/accountName' }],
    ['an account name with a line break', buildAccount({ accountName: 'a\r\nb' }), 'ACCOUNT_NAME_INVALID', { pointer: '/accountName' }],
    ['a domain with a tab', buildAccount({ domainName: 'a\tb' }), 'ACCOUNT_NAME_INVALID', { pointer: '/domainName' }],
    ['an asset with a line separator', buildAssetAccount({ assetName: 'a\u2028b' }), 'ACCOUNT_NAME_INVALID', { pointer: '/assetName' }],
    ['an empty password', buildAccount({ password: '' }), SHAPE, { pointer: '/password' }],
    ['a password of 256 characters', buildAccount({ password: 'p'.repeat(256) }), SHAPE, { pointer: '/password' }],
    ['a password that is a number', buildAccount({ password: 1 as never }), SHAPE, { pointer: '/password' }],
    ['no servers', without(buildAccount(), 'allowedServers'), SHAPE, { pointer: '/allowedServers', message: 'is required' }],
    ['an empty list of servers', buildAccount({ allowedServers: [] }), SHAPE, { pointer: '/allowedServers', message: 'must name 1 to 100 servers' }],
    ['101 servers', buildAccount({ allowedServers: Array.from({ length: 101 }, (_, n) => `mail${n}.example.com`) }), SHAPE, { pointer: '/allowedServers' }],
    ['a server that is a number', buildAccount({ allowedServers: [25 as never] }), SHAPE, { pointer: '/allowedServers/0' }],
    ['a bare IPv6 address', buildAccount({ allowedServers: ['a.example', '2001:db8::25'] }), SERVER, { pointer: '/allowedServers/1', message: expect.stringContaining('[2001:db8::25]') as never }],
    ['a server with a port', buildAccount({ allowedServers: ['mail.example.com:25'] }), SERVER, { pointer: '/allowedServers/0' }],
    ['an empty server', buildAccount({ allowedServers: [''] }), SERVER, { pointer: '/allowedServers/0' }],
    ['a pattern', buildAccount({ allowedServers: ['*.example.com'] }), SERVER, { pointer: '/allowedServers/0' }],
    ['a misspelt field', { ...buildAccount(), alowedServers: [] }, SHAPE, { pointer: '/alowedServers' }],
    ["the other kind's field", { ...buildAccount(), assetName: 'x' }, SHAPE, { pointer: '/assetName' }],
  ])('%s', async (_name, write, code, error) => {
    const before = await mailroom.container.database.prisma.account.count();
    expectProblem(await mailroom.as().post(PATH, write), 400, code, [error]);
    expect(await mailroom.container.database.prisma.account.count()).toBe(before);
  });

  test('all wrong servers are told at once', async () => {
    expectProblem(await mailroom.as().post(PATH, buildAccount({ allowedServers: ['::1', 'ok.example', 'a b'] })), 400, SERVER, [{ pointer: '/allowedServers/0' }, { pointer: '/allowedServers/2' }]);
  });

  test.each([[{}], [{ password: null }], [{ password: '' }], [{ password: 'x', hasPassword: true }]])('a rotation to %j', async (body) => {
    const { id } = await make();
    const before = await row(id);
    expectProblem(await mailroom.as().put(`${PATH}/${id}/password`, body), 400, SHAPE);
    expect(await row(id)).toEqual(before);
  });
});

describe('replace', () => {
  test('what was read can be sent back as it is, and keeps the password', async () => {
    const account = await make();
    const before = await row(account.id);
    const { body, headers } = await mailroom.as().put(`${PATH}/${account.id}`, account).expect(200);
    expect({ ...body, updatedAt: account['updatedAt'] }).toEqual(account);
    expect(headers['etag']).toBe('"2"');
    expect((await row(account.id)).passwordCiphertext).toBe(before.passwordCiphertext);
  });

  test('null removes the password, a new one replaces it; kind and names change', async () => {
    const { id } = await make();
    expect((await mailroom.as().put(`${PATH}/${id}`, buildAccount({ password: null })).expect(200)).body.hasPassword).toBe(false);
    const { body } = await mailroom.as().put(`${PATH}/${id}`, buildAssetAccount()).expect(200);
    expect(body).toMatchObject({ id, kind: 'asset', assetName: 'mail-relay-01', hasPassword: true, allowedServers: ['10.0.0.25'] });
    expect(await row(id)).toMatchObject({ domainName: null, assetName: 'mail-relay-01' });
  });

  describe('a server that is added needs the password in the same request', () => {
    const kept = (allowedServers: string[]): object => without(buildAccount({ allowedServers }), 'password');

    test.each<[string, string[]]>([
      ['one more', ['mail.example.com', 'evil.example.com']],
      ['another instead', ['evil.example.com']],
      ['an address of the same server', ['mail.example.com', '192.0.2.1']],
    ])('%s', async (_name, allowedServers) => {
      const { id } = await make();
      const before = await row(id);
      const problem = expectProblem(await mailroom.as().put(`${PATH}/${id}`, kept(allowedServers)), 400, 'ACCOUNT_PASSWORD_REQUIRED', [{ pointer: '/password' }]);
      expect(problem.detail).toContain(allowedServers.at(-1)!);
      expect(await row(id)).toEqual(before);
      await mailroom.as().put(`${PATH}/${id}`, buildAccount({ allowedServers })).expect(200);
      expect((await row(id)).allowedServers).toEqual(allowedServers);
    });

    test('one less, another order and another spelling need none', async () => {
      const { id } = await make(buildAccount({ allowedServers: ['a.example.com', 'b.example.com', '[2001:db8::25]'] }));
      await mailroom.as().put(`${PATH}/${id}`, kept(['[2001:DB8:0::25]', 'B.example.com.', 'a.example.com'])).expect(200);
      await mailroom.as().put(`${PATH}/${id}`, kept(['a.example.com'])).expect(200);
      expectProblem(await mailroom.as().put(`${PATH}/${id}`, kept(['a.example.com', 'b.example.com'])), 400, 'ACCOUNT_PASSWORD_REQUIRED');
    });

    test('without a stored password, or when it is removed, there is nothing to protect', async () => {
      const { id } = await make();
      await mailroom.as().put(`${PATH}/${id}`, buildAccount({ password: null, allowedServers: ['b.example.com'] })).expect(200);
      await mailroom.as().put(`${PATH}/${id}`, kept(['c.example.com'])).expect(200);
    });
  });
});

describe('the password', () => {
  const ring = new KeyRing(['test-secret-key-of-32-characters']);

  test('is rotated, and stored for this account alone', async () => {
    const { id } = await make();
    const response = await mailroom.as().put(`${PATH}/${id}/password`, { password: 'rotated-password' }).expect(200);
    expect(response.headers['etag']).toBe('"2"');
    expect(response.body).toMatchObject({ id, hasPassword: true });
    const { passwordCiphertext, allowedServers } = await row(id);
    expect(ring.open(passwordCiphertext!, bindingOf({ id, allowedServers }))).toBe('rotated-password');
    for (const other of [{ id: NOBODY, allowedServers }, { id, allowedServers: [...allowedServers, 'thief.example.com'] }]) expect(() => ring.open(passwordCiphertext!, bindingOf(other))).toThrow(SecretError);
  });

  test('stands in no answer, row or audit entry', async () => {
    const { id } = await make(buildAccount({ password: 'first-password-x' }));
    const answers = [
      await mailroom.as().put(`${PATH}/${id}/password`, { password: 'second-password-x' }),
      await mailroom.as().put(`${PATH}/${id}`, buildAccount({ password: 'third-password-x' })),
      await mailroom.as().get(`${PATH}/${id}`),
      await mailroom.as().get(PATH),
    ].map(({ text }) => text);
    const rows = [await mailroom.container.database.prisma.account.findMany(), await mailroom.container.database.prisma.auditEntry.findMany()];
    expect(JSON.stringify([answers, rows])).not.toMatch(/password-x/);
    expect(JSON.stringify([answers, rows[1]])).not.toMatch(/v1\./);
  });
});

test('the audit log has each change, also of the password alone', async () => {
  const { id } = await make(buildAccount());
  await mailroom.as().put(`${PATH}/${id}/password`, { password: 'rotated-password' }).expect(200);
  await mailroom.as().put(`${PATH}/${id}`, buildAccount({ password: null, accountName: 'other' })).expect(200);
  await mailroom.as().delete(`${PATH}/${id}`).expect(204);
  const entries = await auditOf(mailroom, 'account', id);
  expect(entries.map(({ action }) => action)).toEqual(['create', 'update', 'update', 'delete']);
  const [created, rotated, replaced, deleted] = entries.map(({ oldValue, newValue }) => ({ old: oldValue as Record<string, unknown>, new: newValue as Record<string, unknown> }));
  expect(created).toEqual({ old: null, new: { kind: 'directory', domainName: 'corp.example.com', accountName: 'svc-mail@corp.example.com', password: expect.stringMatching(/^\[redacted \w{8}\]$/), allowedServers: ['mail.example.com'] } });
  expect(rotated!.old).toEqual(created!.new);
  expect(rotated!.new['password']).not.toBe(rotated!.old['password']);
  expect(replaced!.new).toMatchObject({ accountName: 'other', password: null });
  expect(deleted).toEqual({ old: replaced!.new, new: null });
});

describe('If-Match', () => {
  test.each<[string, (id: string, etag: string) => ReturnType<ReturnType<TestMailroom['as']>['put']>]>([
    ['replace', (id, etag) => mailroom.as().put(`${PATH}/${id}`, buildAccount()).set('If-Match', etag)],
    ['rotate', (id, etag) => mailroom.as().put(`${PATH}/${id}/password`, { password: 'x' }).set('If-Match', etag)],
    ['delete', (id, etag) => mailroom.as().delete(`${PATH}/${id}`).set('If-Match', etag)],
  ])('%s', async (_name, send) => {
    const { id } = await make();
    await mailroom.as().put(`${PATH}/${id}/password`, { password: 'changed' }).expect(200);
    const before = await row(id);
    expectProblem(await send(id, '"1"'), 412, 'PRECONDITION_FAILED');
    expect(await row(id)).toEqual(before);
    expect((await send(id, '"2"')).status).toBeLessThan(300);
  });
});

describe('roles', () => {
  test('auditors read, publishers do not, neither changes anything', async () => {
    const { id } = await make();
    const before = await row(id);
    const [auditor, publisher] = [await mailroom.keyOf('auditor'), await mailroom.keyOf('publisher')];
    for (const path of [PATH, `${PATH}/${id}`]) {
      await mailroom.as(auditor).get(path).expect(200);
      expectProblem(await mailroom.as(publisher).get(path), 403, 'ROLE_INSUFFICIENT');
      expectProblem(await mailroom.as(null).get(path), 401, 'API_KEY_REQUIRED');
    }
    for (const key of [auditor, publisher]) {
      expectProblem(await mailroom.as(key).post(PATH, buildAccount()), 403, 'ROLE_INSUFFICIENT');
      expectProblem(await mailroom.as(key).put(`${PATH}/${id}`, buildAccount()), 403, 'ROLE_INSUFFICIENT');
      expectProblem(await mailroom.as(key).put(`${PATH}/${id}/password`, { password: 'x' }), 403, 'ROLE_INSUFFICIENT');
      expectProblem(await mailroom.as(key).delete(`${PATH}/${id}`), 403, 'ROLE_INSUFFICIENT');
    }
    expect(await row(id)).toEqual(before);
  });
});

describe('in use by the SMTP settings', () => {
  const use = (accountId: string) => mailroom.as().put('/v1/smtp-settings', buildSettings({ authentication: { type: 'account', accountId } })).expect(200);

  test('it cannot be deleted until they name another authentication', async () => {
    const { id } = await make();
    await use(id);
    const problem = expectProblem(await mailroom.as().delete(`${PATH}/${id}`), 409, 'ACCOUNT_IN_USE');
    expect(problem.detail).toContain('/v1/smtp-settings');
    await mailroom.as().put('/v1/smtp-settings', buildSettings()).expect(200);
    await mailroom.as().delete(`${PATH}/${id}`).expect(204);
  });

  test('whoever is first of picking and deleting wins, and never both', async () => {
    for (let round = 0; round < 10; round += 1) {
      await mailroom.as().put('/v1/smtp-settings', buildSettings()).expect(200);
      const { id } = await make();
      const settings = buildSettings({ authentication: { type: 'account', accountId: id } });
      const [put, deleted] = await Promise.all([mailroom.as().put('/v1/smtp-settings', settings), mailroom.as().delete(`${PATH}/${id}`)]);
      expect([[200, 409], [400, 204]]).toContainEqual([put.status, deleted.status]);
    }
  });
});
