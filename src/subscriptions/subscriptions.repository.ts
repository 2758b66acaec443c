import type { Database, Tx } from '../db/client.js';
import type { SubscriptionModel } from '../db/generated/models.js';
import type { Slice } from '../contract/page.js';

export type SubscriptionRow = SubscriptionModel;
export type SubscriptionData = Omit<SubscriptionRow, 'id' | 'version' | 'createdAt' | 'updatedAt'>;

export class SubscriptionsRepository {
  constructor(private readonly db: Database) {}

  find(id: string): Promise<SubscriptionRow | null> {
    return this.db.prisma.subscription.findUnique({ where: { id } });
  }

  list({ limit, after }: Slice, filter: { emailKey?: string | undefined; eventType?: string | undefined }): Promise<SubscriptionRow[]> {
    return this.db.prisma.subscription.findMany({
      where: {
        ...(after !== null && { id: { lt: after } }),
        ...(filter.emailKey !== undefined && { emailKey: filter.emailKey }),
        ...(filter.eventType !== undefined && { OR: [{ allEvents: true }, { eventTypes: { has: filter.eventType } }] }),
      },
      orderBy: { id: 'desc' },
      take: limit + 1,
    });
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
}
