import type { Database, Prisma, Tx } from '../db/client.js';
import type { EventTypeModel } from '../db/generated/models.js';

export type EventTypeRow = EventTypeModel;
export type EventTypeData = Omit<EventTypeRow, 'createdAt' | 'updatedAt' | 'properties'> & { properties: Prisma.InputJsonValue };

/** The event types of other services. */
export class EventTypesRepository {
  constructor(private readonly db: Database) {}

  findMany(names: string[]): Promise<EventTypeRow[]> {
    return this.db.prisma.eventType.findMany({ where: { name: { in: names } } });
  }

  list(): Promise<EventTypeRow[]> {
    return this.db.prisma.eventType.findMany();
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

  count(tx: Tx): Promise<number> {
    return tx.eventType.count();
  }

  async isKey(tx: Tx, apiKeyId: string): Promise<boolean> {
    return (await tx.apiKey.count({ where: { id: apiKeyId } })) > 0;
  }

  create(tx: Tx, data: EventTypeData): Promise<EventTypeRow> {
    return tx.eventType.create({ data });
  }

  update(tx: Tx, data: EventTypeData): Promise<EventTypeRow> {
    return tx.eventType.update({ where: { name: data.name }, data: { ...data, updatedAt: new Date() } });
  }

  async delete(tx: Tx, name: string): Promise<void> {
    await tx.eventType.delete({ where: { name } });
  }
}
