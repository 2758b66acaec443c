import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ADMIN_KEY, startMailroom, type TestMailroom } from '../setup/mailroom.js';
import { type SmtpSink, startSmtpSink } from '../setup/smtp-servers.js';
import { waitFor } from '../setup/wait.js';

const run = promisify(execFile);
const LIMIT_MS = 240_000;
const [CLIENT, TSC, TYPES] = ['openapi/client', resolve('node_modules/typescript/bin/tsc'), resolve('node_modules/@types')];

/** A folder of somebody else with nothing but the packed client in it. */
let consumer: string;
let packed: string;
let mailroom: TestMailroom;
let sink: SmtpSink;

beforeAll(async () => {
  consumer = await mkdtemp(join(tmpdir(), 'mailroom-consumer-'));
  [mailroom, sink] = await Promise.all([startMailroom(), startSmtpSink()]);
  await mailroom.sdk.putSmtpSettings({ body: { serverAddress: '127.0.0.1', port: sink.port, security: 'none', senderAddress: 'mailroom@example.com' } });
  await mailroom.sdk.createSubscription({ body: { emailAddress: 'alice@example.com', eventTypes: ['PasswordCheckFailed'] } });
  await npm(['pack', '--pack-destination', consumer], CLIENT);
  packed = (await readdir(consumer)).find((name) => name.endsWith('.tgz'))!;
  await writeFile(join(consumer, 'package.json'), JSON.stringify({ name: 'consumer', private: true, type: 'module' }));
  await npm(['install', '--offline', '--ignore-scripts', '--no-audit', '--no-fund', `./${packed}`], consumer);
}, LIMIT_MS);
afterAll(async () => {
  await mailroom?.close();
  await sink?.close();
  await rm(consumer, { recursive: true, force: true });
});

async function npm(args: string[], cwd: string): Promise<void> {
  // What npm tells its own scripts, such as the configuration of this run, is not meant for this one.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^npm_(config|package|lifecycle)/i.test(name)));
  await run('npm', args, { cwd, env });
}

async function node(file: string): Promise<string> {
  const { stdout } = await run(process.execPath, [file], { cwd: consumer, env: { PATH: process.env['PATH'], MAILROOM_URL: mailroom.url, MAILROOM_API_KEY: ADMIN_KEY } });
  return stdout;
}

/** What a strict consumer has; `skipLibCheck` is off, so that the types of the package are checked too. */
const STRICT = ['--strict', '--skipLibCheck', 'false', '--target', 'es2022', '--noUncheckedIndexedAccess', '--exactOptionalPropertyTypes', '--outDir', 'out'];
const NODE = ['--lib', 'es2022', '--types', 'node', '--typeRoots', TYPES];
const RESOLUTIONS: Record<string, string[]> = {
  'nodenext, Node.js': [...NODE, '--module', 'nodenext', '--moduleResolution', 'nodenext'],
  'bundler, Node.js': [...NODE, '--module', 'esnext', '--moduleResolution', 'bundler'],
  'bundler, a browser': ['--lib', 'es2022,dom,dom.iterable', '--typeRoots', 'no-types', '--module', 'esnext', '--moduleResolution', 'bundler'],
};

/** The messages of the compiler; none when all is well. */
const compile = (file: string, options: string[]): Promise<string> =>
  run(process.execPath, [TSC, ...STRICT, ...options, file], { cwd: consumer }).then(() => '', (error: { stdout: string }) => error.stdout);

test('the package is built code and types, with nothing to install besides it', async () => {
  const folder = join(consumer, 'node_modules/@mailroom/client');
  expect((await readdir(folder)).sort()).toEqual(['README.md', 'dist', 'package.json']);
  const files = await readdir(join(folder, 'dist'), { recursive: true });
  expect(files).toEqual(expect.arrayContaining(['index.js', 'index.d.ts']));
  expect(files.filter((name) => /(?<!\.d)\.ts$/.test(name))).toEqual([]);
  const [client, main] = (await Promise.all([join(folder, 'package.json'), 'package.json'].map((file) => readFile(file, 'utf8')))).map((text) => JSON.parse(text) as Record<string, unknown>);
  expect(client).toMatchObject({ type: 'module', sideEffects: false, version: main!['version'], license: main!['license'] });
  expect(client!['dependencies']).toBeUndefined();
  expect((await readdir(join(consumer, 'node_modules'))).filter((name) => !name.startsWith('.'))).toEqual(['@mailroom']);
}, LIMIT_MS);

test('plain JavaScript publishes an event', async () => {
  await writeFile(join(consumer, 'publish.mjs'), `
    import { createMailroom, MailroomProblem } from '@mailroom/client';
    const mailroom = createMailroom({ baseUrl: process.env.MAILROOM_URL, apiKey: process.env.MAILROOM_API_KEY });
    const { id } = await mailroom.publishEvent({ body: { type: 'PasswordCheckFailed', properties: { AccountName: 'of a consumer' } } });
    const problem = await mailroom.getEvent({ path: { id: 'none' } }).catch((error) => error);
    console.log(JSON.stringify({ id, isProblem: problem instanceof MailroomProblem, status: problem.status }));
  `);
  const { id, ...told } = JSON.parse(await node('publish.mjs')) as { id: string };
  expect(told).toEqual({ isProblem: true, status: 400 });
  await waitFor(() => mailroom.sdk.getEvent({ path: { id } }), ({ emails }) => emails.sent === 1);
}, LIMIT_MS);

describe('types', () => {
  const USE = `
    import { createMailroom, type Email, type Mailroom, MailroomProblem, type SmtpTestEvent } from '@mailroom/client';
    const mailroom: Mailroom = createMailroom({ baseUrl: 'https://mailroom.example.com', apiKey: 'k', retry: { maxTries: 2 } });
    export async function use(id: string): Promise<unknown> {
      const event = await mailroom.publishEvent({ body: { type: 'X', properties: { Count: 1 } }, headers: { 'Idempotency-Key': 'k' }, signal: AbortSignal.timeout(1) });
      const text: string = event.id;
      const emails: Email[] = (await mailroom.listEmails()).items;
      for await (const email of mailroom.paginate(mailroom.listEmails, { query: { eventId: id, limit: 2 } })) emails.push(email);
      const pem: string = (await mailroom.getCertificateRequest({ path: { id } })).pem;
      const file: string = await mailroom.getCertificateRequest({ path: { id }, parseAs: 'text' });
      const zip: Blob = await mailroom.getSupportBundle();
      const nothing: void = await mailroom.deleteUser({ path: { id } });
      const { data, error, response } = await mailroom.results.getUser({ path: { id } });
      const name: string = error ? error.code : \`\${data.name} \${response.headers.get('ETag')}\`;
      const told: SmtpTestEvent[] = [];
      for await (const one of mailroom.streamSmtpTest({ path: { id } })) if (one.event === 'stage' && one.data.stage.status === 'failed') told.push(one);
      await mailroom.uploadClientCertificate({ body: { file: new Blob(['x']), passphrase: 'p' } });
      // @ts-expect-error a property that there is not
      await mailroom.publishEvent({ body: { type: 'X', propertys: {} } });
      // @ts-expect-error no body
      await mailroom.publishEvent();
      // @ts-expect-error a key that is no text
      await mailroom.publishEvent({ body: { type: 'X' }, headers: { 'Idempotency-Key': 5 } });
      // @ts-expect-error no such filter
      mailroom.paginate(mailroom.listEmails, { query: { evntId: id } });
      // @ts-expect-error not a list
      mailroom.paginate(mailroom.getEmail, { path: { id } });
      // @ts-expect-error only files are read as something else
      await mailroom.listEmails({ parseAs: 'text' });
      // @ts-expect-error the data may be missing as long as the error was not looked at
      (await mailroom.results.getUser({ path: { id } })).data.name;
      return [text, pem, file, zip, nothing, name, told, MailroomProblem];
    }
  `;

  test.each(Object.entries(RESOLUTIONS))('are right for a strict consumer: %s', async (_name, options) => {
    await writeFile(join(consumer, 'use.ts'), USE);
    expect(await compile('use.ts', options)).toBe('');
  }, LIMIT_MS);
});

/** The page is one program: its blocks, one after the other. */
const programOf = (page: string): string => [...page.matchAll(/^```(?:ts|js)\n(.*?)^```$/gms)].map(([, code]) => code).join('\n').replaceAll('https://mailroom.example.com', mailroom.url);

test('the code in docs/sdk.md compiles and does what it says', async () => {
  const program = programOf(await readFile('docs/sdk.md', 'utf8'));
  expect(program.split('\n').length).toBeGreaterThan(40);
  await mkdir(join(consumer, 'out'), { recursive: true });
  await writeFile(join(consumer, 'page.ts'), program);
  expect(await compile('page.ts', RESOLUTIONS['nodenext, Node.js']!)).toBe('');
  const lines = (await node('out/page.js')).trim().split('\n');
  expect(lines).toEqual(expect.arrayContaining([
    expect.stringMatching(/^published [\da-f-]{36}$/),
    expect.stringMatching(/^sent \d waiting \d$/),
    expect.stringMatching(/^refused (400|404) [A-Z_]+ /),
    expect.stringMatching(/^stage 127\.0\.0\.1 connect passed$/),
    'test passed',
    expect.stringMatching(/^bundle application\/zip \d+$/),
    '-----BEGIN CERTIFICATE REQUEST-----',
  ]));
}, LIMIT_MS);

test('the code in the README of the package compiles and runs', async () => {
  await writeFile(join(consumer, 'readme.ts'), programOf(await readFile(`${CLIENT}/README.md`, 'utf8')));
  expect(await compile('readme.ts', RESOLUTIONS['nodenext, Node.js']!)).toBe('');
  await node('out/readme.js');
}, LIMIT_MS);
