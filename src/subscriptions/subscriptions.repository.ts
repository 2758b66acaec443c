import type { Slice } from '../contract/page.js';
import { type Database, Prisma, type Tx } from '../db/client.js';
import type { SubscriptionModel } from '../db/generated/models.js';

export type SubscriptionRow = SubscriptionModel;
export type SubscriptionData = Omit<SubscriptionRow, 'id' | 'version' | 'createdAt' | 'updatedAt'>;

/** Which subscriptions; a field that is left out does not matter. */
export interface SubscriptionFilter {
  /** An address in lower case, and users: those of the one or the others. */
  recipient?: { emailKey: string; userIds: string[] } | undefined;
  userId?: string | undefined;
  eventType?: string | undefined;
}

export class SubscriptionsRepository {
  constructor(private readonly db: Database) {}

  find(id: string): Promise<SubscriptionRow | null> {
    return this.db.prisma.subscription.findUnique({ where: { id } });
  }

  list({ limit, after }: Slice, { recipient, userId, eventType }: SubscriptionFilter): Promise<SubscriptionRow[]> {
    const conditions = [
      ...(after !== null ? [{ id: { lt: after } }] : []),
      ...(recipient !== undefined ? [{ OR: [{ emailKey: recipient.emailKey }, { userId: { in: recipient.userIds } }] }] : []),
      ...(userId !== undefined ? [{ userId }] : []),
      ...(eventType !== undefined ? [{ OR: [{ allEvents: true }, { eventTypes: { has: eventType } }] }] : []),
    ];
    return this.db.prisma.subscription.findMany({ where: { AND: conditions }, orderBy: { id: 'desc' }, take: limit + 1 });
  }

  async lock(tx: Tx, id: string): Promise<SubscriptionRow | null> {
    await tx.$executeRaw`SELECT 1 FROM subscriptions WHERE id = ${id}::uuid FOR UPDATE`;
    return tx.subscription.findUnique({ where: { id } });
  }

  create(tx: Tx, id: string, data: SubscriptionData): Promise<SubscriptionRow> {
    return tx.subscription.create({ data: { id, ...data } });
  }

  update(tx: Tx, id: string, data: SubscriptionData): Promise<SubscriptionRow> {
    return tx.subscription.update({ where: { id }, data: { ...data, version: { increment: 1 }, updatedAt: new Date() } });
  }

  async delete(tx: Tx, id: string): Promise<void> {
    await tx.subscription.delete({ where: { id } });
  }

  /** A subscription of this recipient, for any object, to just these event types; that there is one, or none, stays so until the transaction ends. */
  async lockAlike(tx: Tx, { emailKey, userId, eventTypes }: SubscriptionData): Promise<SubscriptionRow | null> {
    await tx.$executeRaw`SELECT pg_advisory_xact_lock(hashtextextended(${`default subscriptions ${emailKey ?? userId}`}, 5))`;
    const rows = await tx.$queryRaw<{ id: string }[]>`
      SELECT id FROM subscriptions
      WHERE (email_key = ${emailKey} OR user_id = ${userId}::uuid) AND NOT all_events AND object_id IS NULL AND event_types @> ${eventTypes} AND event_types <@ ${eventTypes}
      ORDER BY id LIMIT 1`;
    return rows[0] === undefined ? null : tx.subscription.findUnique({ where: { id: rows[0].id } });
  }

  /** Those that bring an event to an address, its own and those of users who have it. */
  async asking(emailKey: string, eventType: string, objectId: string | null, limit: number): Promise<SubscriptionRow[]> {
    return this.inOrder(await this.db.prisma.$queryRaw<{ id: string }[]>`
      SELECT id FROM (${OF_ADDRESS(emailKey)}) o
      WHERE enabled AND user_enabled AND (all_events OR event_types @> ARRAY[${eventType}]) AND (object_id IS NULL OR object_id = ${objectId}) ORDER BY id LIMIT ${limit}`);
  }

  /** Those of an address, its own and those of users who have it. */
  async ofAddress(emailKey: string, limit: number): Promise<SubscriptionRow[]> {
    return this.inOrder(await this.db.prisma.$queryRaw<{ id: string }[]>`SELECT id FROM (${OF_ADDRESS(emailKey)}) o ORDER BY id LIMIT ${limit}`);
  }

  /** How many subscriptions name an event type, and the first of them. */
  async naming(eventType: string, limit: number): Promise<{ count: number; first: SubscriptionRow[] }> {
    const where = { eventTypes: { has: eventType } };
    const [count, first] = await Promise.all([this.db.prisma.subscription.count({ where }), this.db.prisma.subscription.findMany({ where, orderBy: { id: 'asc' }, take: limit })]);
    return { count, first };
  }

  /** Takes an event type away from the next `limit` subscriptions that name it, and locks them; answers what they were. */
  async withdraw(tx: Tx, eventType: string, limit: number, updatedBy: string): Promise<SubscriptionRow[]> {
    const ids = await tx.$queryRaw<{ id: string }[]>`SELECT id FROM subscriptions WHERE event_types @> ARRAY[${eventType}] ORDER BY id LIMIT ${limit} FOR UPDATE`;
    const rows = await tx.subscription.findMany({ where: { id: { in: ids.map(({ id }) => id) } } });
    const [gone, kept] = [rows.filter((row) => row.eventTypes.length === 1), rows.filter((row) => row.eventTypes.length > 1)];
    await tx.subscription.deleteMany({ where: { id: { in: gone.map(({ id }) => id) } } });
    await tx.$executeRaw`
      UPDATE subscriptions SET event_types = array_remove(event_types, ${eventType}), version = version + 1, updated_at = now(), updated_by = ${updatedBy}
      WHERE id = ANY(${kept.map(({ id }) => id)}::uuid[])`;
    return rows;
  }

  /** Deletes the next `limit` subscriptions of a user; answers what they were. */
  async deleteOfUser(tx: Tx, userId: string, limit: number): Promise<SubscriptionRow[]> {
    const ids = await tx.$queryRaw<{ id: string }[]>`SELECT id FROM subscriptions WHERE user_id = ${userId}::uuid ORDER BY id LIMIT ${limit} FOR UPDATE`;
    const rows = await tx.subscription.findMany({ where: { id: { in: ids.map(({ id }) => id) } } });
    await tx.subscription.deleteMany({ where: { id: { in: rows.map(({ id }) => id) } } });
    return rows;
  }

  private inOrder(ids: { id: string }[]): Promise<SubscriptionRow[]> {
    return this.db.prisma.subscription.findMany({ where: { id: { in: ids.map(({ id }) => id) } }, orderBy: { id: 'asc' } });
  }
}

const OF_ADDRESS = (emailKey: string): Prisma.Sql => Prisma.sql`
  SELECT s.*, true AS user_enabled FROM subscriptions s WHERE s.email_key = ${emailKey}
  UNION ALL
  SELECT s.*, u.enabled AS user_enabled FROM users u JOIN subscriptions s ON s.user_id = u.id WHERE u.email_key = ${emailKey}`;
