import type { Database, Prisma, Tx } from '../db/client.js';
import type { DeliveryPolicyModel, EventTypeModel } from '../db/generated/models.js';

export type EventTypeRow = EventTypeModel;
export type PolicyRow = DeliveryPolicyModel;
export type EventTypeData = Omit<EventTypeRow, 'createdAt' | 'updatedAt' | 'properties'> & { properties: Prisma.InputJsonValue };

/** The event types of other services, and the delivery policies of all that have one of their own. */
export class EventTypesRepository {
  constructor(private readonly db: Database) {}

  findMany(names: string[], tx: Tx = this.db.prisma): Promise<EventTypeRow[]> {
    return tx.eventType.findMany({ where: { name: { in: names } } });
  }

  /** All of them, without what is large. */
  heads(): Promise<Pick<EventTypeRow, 'name' | 'category' | 'displayName' | 'description' | 'level'>[]> {
    return this.db.prisma.eventType.findMany({ select: { name: true, category: true, displayName: true, description: true, level: true } });
  }

  /** Those of `names` that exist stay until the transaction ends. */
  async lockShared(tx: Tx, names: string[]): Promise<string[]> {
    const rows = await tx.$queryRaw<{ name: string }[]>`SELECT name FROM event_types WHERE name = ANY(${names}) FOR KEY SHARE`;
    return rows.map(({ name }) => name);
  }

  /** One change of the catalogue at a time, so that names stay distinct and their number bounded. */
  async lock(tx: Tx, name: string): Promise<EventTypeRow | null> {
    await tx.$executeRaw`SELECT pg_advisory_xact_lock(hashtextextended('event-types', 5))`;
    await tx.$executeRaw`SELECT 1 FROM event_types WHERE name = ${name} FOR UPDATE`;
    return tx.eventType.findUnique({ where: { name } });
  }

  async nameWithKey(tx: Tx, nameKey: string): Promise<string | null> {
    return (await tx.eventType.findUnique({ where: { nameKey }, select: { name: true } }))?.name ?? null;
  }

  /** All, or those of one key. */
  count(tx: Tx, ownerKeyId?: string): Promise<number> {
    return tx.eventType.count({ where: ownerKeyId === undefined ? {} : { ownerKeyId } });
  }

  /** Unless somebody else has become the owner meanwhile. */
  async setOwner(name: string, from: string, to: string): Promise<void> {
    await this.db.prisma.eventType.updateMany({ where: { name, ownerKeyId: from }, data: { ownerKeyId: to } });
  }

  async isKey(tx: Tx, apiKeyId: string): Promise<boolean> {
    return (await tx.apiKey.count({ where: { id: apiKeyId } })) > 0;
  }

  policies(names?: string[], tx: Tx = this.db.prisma): Promise<PolicyRow[]> {
    return tx.deliveryPolicy.findMany({ where: names === undefined ? {} : { eventType: { in: names } } });
  }

  async setPolicy(tx: Tx, eventType: string, policy: string, updatedBy: string): Promise<PolicyRow> {
    return tx.deliveryPolicy.upsert({ where: { eventType }, create: { eventType, policy, updatedBy }, update: { policy, updatedBy, updatedAt: new Date() } });
  }

  create(tx: Tx, data: EventTypeData): Promise<EventTypeRow> {
    return tx.eventType.create({ data });
  }

  update(tx: Tx, data: EventTypeData): Promise<EventTypeRow> {
    return tx.eventType.update({ where: { name: data.name }, data: { ...data, updatedAt: new Date() } });
  }

  async delete(tx: Tx, name: string): Promise<void> {
    await tx.deliveryPolicy.deleteMany({ where: { eventType: name } });
    await tx.eventType.delete({ where: { name } });
  }
}
