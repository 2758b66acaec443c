import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import { atEnd, makeDataFolder } from '../process/mailroom-process.js';
import { createPki, type Identity } from '../setup/pki.js';
import { honest, honestUntil, type Script, startScriptedServer } from '../setup/smtp-servers.js';
import { CLIENT, startTokenServer, type TokenServer } from '../setup/token-server.js';
import { runPage } from './page.js';
import { knowNames, type PageService, pageTest, startMailServer, startService } from './service.js';

const PAGE = 'docs/microsoft-365.md';
const [TENANT, MAILBOX, HOST] = ['22222222-2222-2222-2222-222222222222', 'mailroom@example.com', 'smtp.office365.com'];

interface Microsoft {
  service: PageService;
  token: TokenServer;
  identity: Identity;
}

/** A token server and a name for Exchange Online, both with certificates of one authority that Mailroom trusts. */
async function startMicrosoft(): Promise<Microsoft> {
  const [folder, pki] = [await makeDataFolder(), await createPki()];
  const [identity, login] = [await pki.issue({ dnsNames: [HOST] }), await pki.issue({ dnsNames: ['localhost'] })];
  const token = await startTokenServer({ tls: { key: login.key, cert: login.chain } });
  atEnd(() => token.close());
  writeFileSync(join(folder, 'ca.pem'), pki.root);
  const service = await startService({ NODE_EXTRA_CA_CERTS: join(folder, 'ca.pem') });
  await knowNames(service, HOST);
  service.replace.set('login.microsoftonline.com', `localhost:${token.port}`);
  return { service, token, identity };
}

pageTest(`${PAGE}: the settings, and mail that goes out with a token`, async () => {
  const { service, token, identity } = await startMicrosoft();
  const auth = { user: MAILBOX, methods: ['XOAUTH2' as const], required: true, get accessToken() { return token.lastToken ?? 'none'; } };
  const exchange = await startMailServer({ tls: { key: identity.key, cert: identity.chain }, auth });
  await runPage(PAGE, {
    replace: service.replace.set('587', String(exchange.port)),
    fillIn: { TENANT: () => TENANT, CLIENT: () => CLIENT.clientId, SECRET: () => CLIENT.clientSecret },
  });
  expect(exchange.mails.map(({ user, to }) => [user, to[0]])).toEqual([[MAILBOX, 'you@example.com']]);
  expect(token.requests[0]).toMatchObject({ path: `/${TENANT}/oauth2/v2.0/token`, form: { grant_type: 'client_credentials', scope: 'https://outlook.office365.com/.default' } });
});

/** The rows of the page's table of failures. */
interface Row {
  stage: string;
  code: string;
  words: string;
}
const ROWS: Row[] = [...readFileSync(PAGE, 'utf8').matchAll(/^\| (\w+) `(\w+)` \| (.*?) ?\| /gm)].map(([, stage, code, words]) => ({ stage: stage!, code: code!, words: words! }));

pageTest(`${PAGE}: each row of the table of failures has the code that the test of the mail server says`, async () => {
  const { service, token, identity } = await startMicrosoft();
  expect(ROWS.length).toBeGreaterThan(8);
  for (const row of ROWS) expect({ ...row, ...await failureOf(row, { service, token, identity }) }).toEqual(row);
});

/** What a test tells when Microsoft says these words; none: its token server cannot be reached. */
async function failureOf({ code, stage, words }: Row, { service, token, identity }: Microsoft): Promise<Row> {
  const [, error, description] = /^`(\w+)`, (.*)$/.exec(words) ?? [];
  token.answer(error === undefined ? null : () => ({ status: 400, body: { error, error_description: `${description}: so it is` } }));
  const tokenPort = words === '' ? await closedPort() : token.port;
  const exchange = await startScriptedServer(saying(stage, words, identity));
  const authentication = { type: 'oauth2', accountName: MAILBOX, tokenUrl: `https://localhost:${tokenPort}/oauth2/v2.0/token`, ...CLIENT };
  const settings = { serverAddress: HOST, port: exchange.port, security: 'startTls', senderAddress: MAILBOX, authentication };
  const { body } = await service.mailroom.as().post('/v1/smtp-tests', { sendTo: 'you@example.com', timeoutSeconds: 20, settings }).set('Prefer', 'wait=30').expect(202);
  await exchange.close();
  const failed = (body.addresses[0].stages as { name: string; status: string; code: string; message: string }[]).find(({ status }) => status === 'failed');
  if (!failed?.message.includes(words.replace(/^.*, /, ''))) throw new Error(`no failure with ${code} and ${words}: ${JSON.stringify(body)}`);
  return { stage: failed.name, code: failed.code, words };
}

/** An Exchange that is honest up to a stage, and refuses there; without words it takes everything. */
const saying = (stage: string, words: string, { key, chain }: Identity): Script => async (peer) => {
  if (!await honestUntil(peer, 'STARTTLS', ['STARTTLS'])) return;
  peer.say('220 Go ahead');
  await peer.upgrade({ key, cert: chain });
  if (!await honest(peer, 'AUTH', ['AUTH XOAUTH2'])) return;
  peer.say(stage === 'auth' ? words : '235 2.7.0 Authentication successful');
  if (!await honest(peer, 'message', ['AUTH XOAUTH2'])) return;
  peer.say(words);
  await honest(peer, 'never');
};

async function closedPort(): Promise<number> {
  const server = await startScriptedServer((peer) => peer.end());
  await server.close();
  return server.port;
}
