import { v7 as uuidv7 } from 'uuid';
import type { Database } from '../../src/db/client.js';
import type { EmailModel } from '../../src/db/generated/models.js';
import { addressKey } from '../../src/smtp/mailbox-fault.js';

const HOUR_MS = 3_600_000;

/** Stores an e-mail as matching would have, with its event and content, unless `eventId` names an event that has them already. */
export async function insertEmail({ prisma }: Database, overrides: Partial<EmailModel> = {}): Promise<EmailModel> {
  const eventId = overrides.eventId ?? uuidv7();
  const type = overrides.eventType ?? 'PasswordCheckFailed';
  const event = overrides.eventId === undefined ? null : await prisma.event.findUniqueOrThrow({ where: { id: eventId } });
  const publisherKeyId = overrides.publisherKeyId ?? event?.publisherKeyId ?? uuidv7();
  if (event === null) {
    const now = new Date();
    await prisma.event.create({ data: { id: eventId, type, properties: {}, occurredAt: now, matchedAt: now, clientEnabled: true, publishedBy: 'a test', publisherKeyId } });
    await prisma.emailContent.create({ data: { eventId, subject: 'Password Check Failed', textBody: 'text', htmlBody: '<p>text</p>', warnings: [] } });
  }
  const id = overrides.createdAt === undefined ? uuidv7() : uuidv7({ msecs: overrides.createdAt.getTime() });
  const toAddress = overrides.toAddress ?? `${id}@example.com`;
  const [toKey, messageId] = [addressKey(toAddress), `<${id}@example.com>`];
  const defaults = { id, eventId, eventType: type, publisherKeyId, toAddress, toKey, matchKey: toKey, messageId, status: 'queued' as const, giveUpAt: new Date(Date.now() + HOUR_MS) };
  return prisma.email.create({ data: { ...defaults, ...overrides } });
}
