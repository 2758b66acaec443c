import { expect, test } from '@jest/globals';
import { readConfig } from '../../src/config.js';
import { createContainer } from '../../src/container.js';
import { createLogger } from '../../src/logger.js';
import { KeyRing } from '../../src/secrets/key-ring.js';
import { startMailroom } from '../setup/mailroom.js';
import { startSmtpSink } from '../setup/smtp-servers.js';
import { waitFor } from '../setup/wait.js';

const SECRET_KEY = 'test-secret-key-of-32-characters';
const [PER_SECOND, EMAILS] = [20, 61];

test('maxMessagesPerSecond holds for all workers together', async () => {
  const [sink, mailroom] = await Promise.all([startSmtpSink(), startMailroom()]);
  const config = readConfig({ DATABASE_URL: mailroom.databaseUrl, MAILROOM_SECRET_KEY: SECRET_KEY, MAILROOM_LOG_LEVEL: 'silent', MAILROOM_ROLE: 'worker' }, false);
  const second = await createContainer({ config, databaseUrl: mailroom.databaseUrl, keys: new KeyRing([SECRET_KEY]), logger: createLogger({ level: 'silent', format: 'json' }) });
  try {
    await second.startWorkers();
    const { prisma } = mailroom.container.database;
    await prisma.$executeRaw`
      INSERT INTO subscriptions (id, email_address, email_key, all_events, event_types, updated_by)
      SELECT uuid_v7(), 'pace@example.com', 'pace@example.com', false, ARRAY['DiskUsageWarning'], 'test'`;
    const settings = { serverAddress: '127.0.0.1', port: sink.port, security: 'none', senderAddress: 'mailroom@example.com', maxMessagesPerSecond: PER_SECOND } as const;
    await mailroom.sdk.putSmtpSettings({ body: settings });
    const publishedAt = Date.now(); // no e-mail starts earlier
    await mailroom.sdk.publishEvents({ body: { events: Array.from({ length: EMAILS }, () => ({ type: 'DiskUsageWarning' })) } });
    const attempts = await waitFor(() => prisma.emailAttempt.findMany(), ({ length }) => length === EMAILS);
    expect(sink.mails).toHaveLength(EMAILS);
    const starts = attempts.map(({ startedAt }) => startedAt.getTime());
    expect(Math.max(...starts) - publishedAt).toBeGreaterThanOrEqual(((EMAILS - 1) / PER_SECOND) * 1_000 - 150); // a timer may fire early by a little
  } finally {
    await second.close(5_000);
    await mailroom.close();
    await sink.close();
  }
});
