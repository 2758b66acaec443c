import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { runPage } from './page.js';
import { pageTest, startMailServer, startService } from './service.js';

const PAGE = 'docs/docker.md';
const NAME = `${PAGE}: the keys that it makes, and the mail to Mailpit`;

pageTest(NAME, async () => {
  const mailpit = await startMailServer();
  const replace = new Map([['"mailpit", "port": 1025', `"127.0.0.1", "port": ${mailpit.port}`]]);
  await runPage(PAGE, {
    replace,
    after: {
      // what Compose does with the file
      'Start 1': async (_ran, { folder }) => {
        const keys = Object.fromEntries(readFileSync(join(folder, '.env'), 'utf8').trim().split('\n').map((line) => /^(\w+)=(.*)$/.exec(line)!.slice(1))) as Record<string, string>;
        const { mailroom } = await startService(keys);
        replace.set('http://localhost:8080', mailroom.url);
        expect(Object.keys(keys)).toEqual(['MAILROOM_SECRET_KEY', 'MAILROOM_ADMIN_KEY']);
      },
    },
  });
  await mailpit.waitForMails(1);
  expect(mailpit.mails.map(({ to }) => to[0])).toEqual(['alice@example.com']);
}, ['openssl']);

test(`${PAGE}: the ports, services and volumes that it names are those of docker-compose.yml`, () => {
  const [page, compose] = [readFileSync(PAGE, 'utf8'), readFileSync('docker-compose.yml', 'utf8')];
  for (const port of ['127.0.0.1:8080:8080', '127.0.0.1:8025:8025', '127.0.0.1:1025:1025']) expect(compose).toContain(`'${port}'`);
  for (const name of ['api', 'worker', 'postgres', 'mailpit', 'database-password']) {
    expect(page).toContain(name);
    expect(compose).toMatch(new RegExp(`^  ${name}:`, 'm'));
  }
});

const NAME_OF_CONFIG = 'docker compose accepts docker-compose.yml, and asks for the keys';
if (spawnSync('docker', ['compose', 'version']).status !== 0) test.skip(`${NAME_OF_CONFIG}: skipped, no docker compose on PATH`, () => undefined);
else {
  test(NAME_OF_CONFIG, () => {
    const env = { PATH: process.env['PATH']!, HOME: '/' };
    execFileSync('docker', ['compose', '--env-file', '/dev/null', 'config', '--quiet'], { env: { ...env, MAILROOM_SECRET_KEY: 'a'.repeat(32), MAILROOM_ADMIN_KEY: 'b'.repeat(32) } });
    const without = spawnSync('docker', ['compose', '--env-file', '/dev/null', 'config', '--quiet'], { env });
    expect(String(without.stderr)).toContain('MAILROOM_');
  });
}
