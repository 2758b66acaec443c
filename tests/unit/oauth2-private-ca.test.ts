import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createPki } from '../setup/pki.js';
import { CLIENT, startTokenServer, type TokenServer } from '../setup/token-server.js';

// Node reads NODE_EXTRA_CA_CERTS once, at its start, so that it takes a process of its own.
const PROGRAM = `
  const { AccessTokens } = await import(process.argv[1]);
  const client = JSON.parse(process.argv[2]);
  const outcome = await new AccessTokens({ denies: () => false }).get(client).catch(({ code }) => ({ code }));
  console.log(JSON.stringify(outcome));
`;

let folder: string;
let server: TokenServer;

beforeAll(async () => {
  const pki = await createPki();
  const { key, chain } = await pki.issue({ dnsNames: ['localhost'] });
  server = await startTokenServer({ tls: { key, cert: chain } });
  folder = await mkdtemp(join(tmpdir(), 'mailroom-ca-'));
  await writeFile(join(folder, 'ca.pem'), pki.root);
});
afterAll(async () => {
  await server.close();
  await rm(folder, { recursive: true });
});

async function ask(client: object, environment: Record<string, string>): Promise<unknown> {
  const file = join(import.meta.dirname, '../../dist/oauth2/access-tokens.js');
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', PROGRAM, file, JSON.stringify(client)], { env: { PATH: process.env['PATH'], ...environment } });
  return JSON.parse(stdout);
}

const client = () => ({ ...CLIENT, tokenUrl: server.url, scope: null });

test('a token server behind a private CA is trusted through NODE_EXTRA_CA_CERTS, for its own name only', async () => {
  const trusted = { NODE_EXTRA_CA_CERTS: join(folder, 'ca.pem') };
  expect(await ask(client(), {})).toEqual({ code: 'OAUTH2_CERTIFICATE_INVALID' });
  expect(await ask(client(), trusted)).toEqual({ accessToken: server.lastToken, fromCache: false });
  expect(await ask({ ...client(), tokenUrl: server.url.replace('localhost', '127.0.0.1') }, trusted)).toEqual({ code: 'OAUTH2_CERTIFICATE_INVALID' });
  expect(server.requests).toHaveLength(1);
});
