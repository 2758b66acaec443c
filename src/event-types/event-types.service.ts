import { isDeepStrictEqual } from 'node:util';
import { changeResource, refuseStale } from '../audit-log/change-resource.js';
import type { Actor } from '../contract/actor.js';
import { digestOf } from '../contract/etag.js';
import { pageOf, sliceOf } from '../contract/page.js';
import type { Database, Tx } from '../db/client.js';
import { MailroomError, notFound } from '../errors.js';
import { builtInEventTypes, type EventType } from './catalogue.js';
import { definitionOf, toEventType } from './custom.js';
import type { EventTypeImpact, EventTypePage, EventTypeQuery, EventTypeResource, EventTypeWrite } from './event-types.contract.js';
import type { EventTypeData, EventTypeRow, EventTypesRepository } from './event-types.repository.js';
import { type EventTypeDependents, impactOf } from './impact.js';

/** So that the whole catalogue can be listed, searched and sorted in memory. */
const MAX_CUSTOM = 1_000;
/** Deleting a type may delete very many subscriptions with it. */
const DELETION_MS = 120_000;
const TYPE = 'eventType';

export class EventTypesService {
  constructor(
    private readonly db: Database,
    private readonly types: EventTypesRepository,
    private readonly dependents: EventTypeDependents,
  ) {}

  /** In the order of their names. */
  async list(query: EventTypeQuery): Promise<EventTypePage> {
    const slice = sliceOf(query);
    const all = [...[...builtInEventTypes.values()].map(toBuiltIn), ...(await this.types.list()).map(toResource)];
    const found = all.filter((type) => isWanted(type, query) && (slice.after === null || type.name > slice.after));
    return pageOf(found.sort(byName).slice(0, slice.limit + 1), slice.limit, (type) => type.name, (type) => type);
  }

  async get(name: string): Promise<EventTypeResource> {
    const builtIn = builtInEventTypes.get(name);
    if (builtIn !== undefined) return toBuiltIn(builtIn);
    const [row] = await this.types.findMany([name]);
    if (row === undefined) throw notFound('event type', name);
    return toResource(row);
  }

  /** Makes or replaces a type. The same definition again changes nothing, so a service may send its types at each start. */
  async put(actor: Actor, name: string, write: EventTypeWrite, ifMatch: string | undefined): Promise<{ type: EventTypeResource; created: boolean }> {
    const data = definitionOf(name, write, actor);
    const known = await this.current(name);
    if (known !== null && isSame(known, toEventType(data))) {
      refuseStale(ifMatch, digestOf(known));
      return { type: known, created: false };
    }
    refuseBuiltIn(name);
    let created = false;
    const row = await changeResource(this.db, actor, {
      type: TYPE,
      id: name,
      ifMatch,
      etag: etagOf,
      describe,
      load: (tx) => this.types.lock(tx, name),
      apply: async (tx, before) => {
        created = before === null;
        if (before === null) return this.create(tx, data);
        await this.refuseOthers(tx, actor, before);
        return this.types.update(tx, { ...data, ownerKeyId: await this.ownerOf(tx, before, actor) });
      },
    });
    return { type: toResource(row), created };
  }

  /** What a PUT would do. */
  async impactOfPut(actor: Actor, name: string, write: EventTypeWrite): Promise<EventTypeImpact> {
    const next = toEventType(definitionOf(name, write, actor));
    const before = await this.current(name);
    const change = before === null ? 'create' : isSame(before, next) ? 'none' : 'update';
    if (change !== 'none') refuseBuiltIn(name);
    return { eventType: name, change, ...(await impactOf(name, before, next, this.dependents)) };
  }

  /** What a DELETE would do. */
  async impactOfDelete(name: string): Promise<EventTypeImpact> {
    refuseBuiltIn(name);
    return { eventType: name, change: 'delete', ...(await impactOf(name, await this.get(name), null, this.dependents)) };
  }

  /** Deletes a type with its template; subscriptions lose it, and those that ask for nothing else are deleted. */
  async delete(actor: Actor, name: string, ifMatch: string | undefined): Promise<void> {
    refuseBuiltIn(name);
    await changeResource(this.db, actor, {
      type: TYPE,
      id: name,
      ifMatch,
      etag: etagOf,
      describe,
      timeoutMs: DELETION_MS,
      load: async (tx) => found(await this.types.lock(tx, name), name),
      apply: async (tx) => {
        await this.dependents.templates.forget(tx, actor, name);
        await this.dependents.subscriptions.forget(tx, actor, name);
        await this.types.delete(tx, name);
        return null;
      },
    });
  }

  private async current(name: string): Promise<EventTypeResource | null> {
    const builtIn = builtInEventTypes.get(name);
    if (builtIn !== undefined) return toBuiltIn(builtIn);
    const [row] = await this.types.findMany([name]);
    return row === undefined ? null : toResource(row);
  }

  private async create(tx: Tx, data: EventTypeData): Promise<EventTypeRow> {
    const alike = builtInNames.get(data.nameKey) ?? (await this.types.nameWithKey(tx, data.nameKey));
    if (alike != null) throw new MailroomError('conflict', 'EVENT_TYPE_NAME_TAKEN', `There is an event type ${alike}, which differs in case only. Use that one, or another name.`);
    if ((await this.types.count(tx)) >= MAX_CUSTOM) {
      throw new MailroomError('conflict', 'EVENT_TYPE_LIMIT', `There are ${MAX_CUSTOM} event types of other services already, which is as many as there can be. Delete one that is not needed.`);
    }
    return this.types.create(tx, data);
  }

  /** A publisher changes its own types, and those of keys that are gone: a service that gets a new key keeps its types. */
  private async refuseOthers(tx: Tx, actor: Actor, { name, ownerKeyId }: EventTypeRow): Promise<void> {
    if (actor.role !== 'publisher' || ownerKeyId === actor.keyId || !(await this.types.isKey(tx, ownerKeyId))) return;
    throw new MailroomError('forbidden', 'EVENT_TYPE_NOT_OWN', `The event type ${name} was made with another API key. A publisher changes its own types only; ask an administrator.`);
  }

  private async ownerOf(tx: Tx, { ownerKeyId }: EventTypeRow, actor: Actor): Promise<string> {
    return actor.role === 'publisher' || !(await this.types.isKey(tx, ownerKeyId)) ? actor.keyId : ownerKeyId;
  }
}

const builtInNames = new Map([...builtInEventTypes.keys()].map((name) => [name.toLowerCase(), name]));

function refuseBuiltIn(name: string): void {
  if (!builtInEventTypes.has(name)) return;
  throw new MailroomError('conflict', 'EVENT_TYPE_BUILT_IN', `The event type ${name} is built in and cannot be changed or deleted. Its e-mail template can be: PUT /v1/email-templates/${name}.`);
}

function found(row: EventTypeRow | null, name: string): EventTypeRow {
  if (row === null) throw notFound('event type', name);
  return row;
}

const byName = (a: EventType, b: EventType): number => (a.name < b.name ? -1 : 1);

function isWanted(type: EventType, { q, category, builtIn }: EventTypeQuery): boolean {
  if (category !== undefined && type.category !== category) return false;
  if (builtIn !== undefined && type.builtIn !== builtIn) return false;
  if (q === undefined) return true;
  const wanted = q.toLowerCase();
  return [type.name, type.displayName, type.description].some((text) => text.toLowerCase().includes(wanted));
}

const toBuiltIn = (type: EventType): EventTypeResource => ({ ...type, updatedAt: null, updatedBy: null });
const toResource = (row: EventTypeRow): EventTypeResource => ({ ...toEventType(row), updatedAt: row.updatedAt.toISOString(), updatedBy: row.updatedBy });
const etagOf = (row: EventTypeRow | null): string | null => (row === null ? null : digestOf(toResource(row)));

/** Whether two types are defined alike, whoever did it and whether they are built in. */
const isSame = (one: EventType, other: EventType): boolean => isDeepStrictEqual(definitionIn(one), definitionIn(other));
const definitionIn = ({ name, category, displayName, description, level, properties }: EventType): object => ({ name, category, displayName, description, level, properties: [...properties].sort((a, b) => (a.name < b.name ? -1 : 1)) });

const describe = ({ category, displayName, description, level, properties }: EventTypeRow): { [field: string]: string | object[] } =>
  ({ category, displayName, description, level, properties: properties as object[] });
