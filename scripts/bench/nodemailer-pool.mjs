// What Mailroom is measured against: nodemailer's pool, which builds and sends each mail directly, with no queue and no database.
import nodemailer from 'nodemailer';

let transport = null;

process.on('message', async ({ port, connections, content, recipients }) => {
  transport ??= nodemailer.createTransport({ pool: true, host: '127.0.0.1', port, maxConnections: connections, maxMessages: Infinity, ignoreTLS: true });
  const mail = { from: { name: 'Mailroom', address: 'mailroom@example.com' }, ...content };
  let next = 0;
  // Twice as many as connections wait for one: the pool is never idle, and the queue in its memory is short.
  const client = async () => {
    while (next < recipients) await transport.sendMail({ ...mail, to: `subscriber${(next += 1)}@example.com` });
  };
  await Promise.all(Array.from({ length: 2 * connections }, client));
  process.send('sent');
});
