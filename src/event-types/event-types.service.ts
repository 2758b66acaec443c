import { isDeepStrictEqual } from 'node:util';
import { changeResource } from '../audit-log/change-resource.js';
import type { Actor } from '../contract/actor.js';
import { digestOf } from '../contract/etag.js';
import { pageOf, sliceOf } from '../contract/page.js';
import { type Preconditions, refuseStale } from '../contract/preconditions.js';
import type { Database, Tx } from '../db/client.js';
import { MailroomError, notFound } from '../errors.js';
import { builtInEventTypes, type EventType } from './catalogue.js';
import { definitionOf, toEventType } from './custom.js';
import type { DeliveryPolicy } from './event-type.js';
import type { EventTypeImpact, EventTypePage, EventTypeQuery, EventTypeResource, EventTypeWrite } from './event-types.contract.js';
import type { EventTypeData, EventTypeRow, EventTypesRepository, PolicyRow } from './event-types.repository.js';
import { type EventTypeDependents, impactOf } from './impact.js';

/** So that the whole catalogue can be listed, searched and sorted in memory. */
const MAX_CUSTOM = 1_000;
/** So that one service leaves room for others. */
const MAX_OF_PUBLISHER = 200;
/** Deleting a type may delete very many subscriptions with it. */
const DELETION_MS = 120_000;
const TYPE = 'eventType';

const etagOfType = (type: EventTypeResource | null): string | null => (type === null ? null : digestOf(type));

/** What a PUT asks for. */
interface Definition {
  type: EventType;
  deliveryPolicy: DeliveryPolicy;
  /** null for a built-in type. */
  data: EventTypeData | null;
}

export class EventTypesService {
  constructor(
    private readonly db: Database,
    private readonly types: EventTypesRepository,
    private readonly dependents: EventTypeDependents,
  ) {}

  /** In the order of their names. */
  async list(query: EventTypeQuery): Promise<EventTypePage> {
    const slice = sliceOf(query);
    const all = [...builtInEventTypes.values(), ...(await this.types.heads()).map((head) => ({ ...head, builtIn: false }))];
    const found = all.filter((type) => isWanted(type, query) && (slice.after === null || type.name > slice.after));
    const page = pageOf(found.sort(inOrderOfNames).slice(0, slice.limit + 1), slice.limit, ({ name }) => name, ({ name }) => name);
    return { ...page, items: await this.read(page.items) };
  }

  async get(name: string): Promise<EventTypeResource> {
    const type = await this.current(name);
    if (type === null) throw notFound('event type', name);
    return type;
  }

  /** Makes or replaces a type. The same definition again changes nothing, so a service may send its types at each start. */
  async put(actor: Actor, name: string, write: EventTypeWrite, preconditions: Preconditions): Promise<{ type: EventTypeResource; created: boolean }> {
    const wanted = wantedOf(name, write, actor);
    const known = await this.current(name);
    if (known !== null && isSame(known, wanted)) {
      refuseStale(preconditions, digestOf(known));
      await this.claim(actor, name);
      return { type: known, created: false };
    }
    let created = false;
    const type = await changeResource<EventTypeResource, EventTypeResource | null>(this.db, actor, {
      type: TYPE,
      id: name,
      ...preconditions,
      etag: etagOfType,
      describe,
      load: (tx) => this.lock(tx, name),
      apply: async (tx, before) => {
        if (before !== null && isSame(before, wanted)) return before; // somebody else has just done it
        created = before === null;
        await this.refuse(tx, actor, wanted, before);
        return this.write(tx, actor, wanted);
      },
    });
    return { type, created };
  }

  /** What a PUT would do, with the same preconditions. */
  async impactOfPut(actor: Actor, name: string, write: EventTypeWrite, preconditions: Preconditions): Promise<EventTypeImpact> {
    const wanted = wantedOf(name, write, actor);
    const before = await this.current(name);
    refuseStale(preconditions, etagOfType(before));
    const change = before === null ? 'create' : isSame(before, wanted) ? 'none' : 'update';
    if (change !== 'none') await this.refuse(this.db.prisma, actor, wanted, before);
    const impact = await impactOf(name, before, wanted.type, this.dependents);
    // Whose subscriptions they are is not for publishers to know.
    return { kind: 'impact', eventType: name, change, ...impact, ...(actor.role === 'publisher' && { subscriptions: [] }) };
  }

  /** What a DELETE would do, with the same precondition. */
  async impactOfDelete(name: string, ifMatch: string | undefined): Promise<EventTypeImpact> {
    if (builtInEventTypes.has(name)) throw builtIn(name);
    const before = await this.get(name);
    refuseStale({ ifMatch }, etagOfType(before));
    return { kind: 'impact', eventType: name, change: 'delete', ...(await impactOf(name, before, null, this.dependents)) };
  }

  /** Deletes a type with its template; subscriptions lose it, and those that ask for nothing else are deleted. */
  async delete(actor: Actor, name: string, ifMatch: string | undefined): Promise<void> {
    if (builtInEventTypes.has(name)) throw builtIn(name);
    await changeResource<null, EventTypeResource>(this.db, actor, {
      type: TYPE,
      id: name,
      ifMatch,
      etag: digestOf,
      describe,
      timeoutMs: DELETION_MS,
      load: async (tx) => (await this.lock(tx, name)) ?? missing(name),
      apply: async (tx) => {
        await this.dependents.templates.forget(tx, actor, name);
        await this.dependents.subscriptions.forget(tx, actor, name);
        await this.types.delete(tx, name);
        return null;
      },
    });
  }

  private async current(name: string, tx?: Tx): Promise<EventTypeResource | null> {
    const type = builtInEventTypes.get(name);
    const [[policy], [row]] = [await this.types.policies([name], tx), type === undefined ? await this.types.findMany([name], tx) : []];
    if (type !== undefined) return toBuiltIn(type, policy);
    return row === undefined ? null : toResource(row, policy);
  }

  /** The whole types of these names, in their order. */
  private async read(names: string[]): Promise<EventTypeResource[]> {
    const [rows, policies] = await Promise.all([this.types.findMany(names.filter((name) => !builtInEventTypes.has(name))), this.types.policies(names)]);
    const [custom, byName] = [new Map(rows.map((row) => [row.name, row])), new Map(policies.map((policy) => [policy.eventType, policy]))];
    return names.flatMap((name) => {
      const [own, row] = [builtInEventTypes.get(name), custom.get(name)];
      if (own !== undefined) return toBuiltIn(own, byName.get(name));
      return row === undefined ? [] : toResource(row, byName.get(name)); // deleted meanwhile
    });
  }

  private async lock(tx: Tx, name: string): Promise<EventTypeResource | null> {
    await this.types.lock(tx, name);
    return this.current(name, tx);
  }

  /** Throws when this caller may not make this change now. */
  private async refuse(tx: Tx, actor: Actor, { type: { name }, data }: Definition, before: EventTypeResource | null): Promise<void> {
    if (data === null || before !== null) return this.refuseOthers(tx, actor, name);
    const alike = builtInNames.get(data.nameKey) ?? (await this.types.nameWithKey(tx, data.nameKey));
    if (alike != null) throw new MailroomError('conflict', 'EVENT_TYPE_NAME_TAKEN', `There is an event type ${alike}, which differs in case only. Use that one, or another name.`);
    if ((await this.types.count(tx)) >= MAX_CUSTOM) throw tooMany(`There are ${MAX_CUSTOM} event types of other services already`);
    if (actor.role === 'publisher' && (await this.types.count(tx, actor.keyId)) >= MAX_OF_PUBLISHER) throw tooMany(`This key has made ${MAX_OF_PUBLISHER} event types already`);
  }

  /**
   * A publisher changes its own types only. When the key that made one is gone, a key of the same name takes its place: a service that gets a new key
   * keeps its types.
   */
  private async refuseOthers(tx: Tx, actor: Actor, name: string): Promise<void> {
    if (actor.role !== 'publisher') return;
    const [row] = await this.types.findMany([name], tx);
    if (row === undefined || !(await this.isOwner(tx, actor, row))) throw notOwn(name);
  }

  private async isOwner(tx: Tx, { keyId, name }: Actor, { ownerKeyId, ownerName }: EventTypeRow): Promise<boolean> {
    return ownerKeyId === keyId || (ownerName === name && !(await this.types.isKey(tx, ownerKeyId)));
  }

  /** The successor of a key that is gone makes the type its own by sending it as it is. */
  private async claim(actor: Actor, name: string): Promise<void> {
    const [row] = await this.types.findMany([name]);
    if (row === undefined || row.ownerKeyId === actor.keyId || actor.role !== 'publisher' || !(await this.isOwner(this.db.prisma, actor, row))) return;
    await this.types.setOwner(name, row.ownerKeyId, actor.keyId);
  }

  private async write(tx: Tx, actor: Actor, { type: { name }, data, deliveryPolicy }: Definition): Promise<EventTypeResource> {
    if (data !== null) await this.writeDefinition(tx, actor, data);
    const [policy] = await this.types.policies([name], tx);
    if ((policy?.policy ?? 'atLeastOnce') !== deliveryPolicy) await this.types.setPolicy(tx, name, deliveryPolicy, actor.name);
    return (await this.current(name, tx))!;
  }

  private async writeDefinition(tx: Tx, actor: Actor, data: EventTypeData): Promise<void> {
    const [row] = await this.types.findMany([data.name], tx);
    if (row === undefined) await this.types.create(tx, data);
    else await this.types.update(tx, actor.role === 'publisher' ? data : { ...data, ownerKeyId: row.ownerKeyId, ownerName: row.ownerName });
  }
}

const builtInNames = new Map([...builtInEventTypes.keys()].map((name) => [name.toLowerCase(), name]));

/** Of a built-in type nothing but the delivery policy can be asked for; what is left out is as it is. */
function wantedOf(name: string, { deliveryPolicy = 'atLeastOnce', ...write }: EventTypeWrite, actor: Actor): Definition {
  const own = builtInEventTypes.get(name);
  if (own === undefined) {
    const data = definitionOf(name, write, actor);
    return { type: toEventType(data), deliveryPolicy, data };
  }
  const { category, displayName, description, level, properties } = own;
  const asked = toEventType(definitionOf(name, { category, displayName, description, level, properties, ...write }, actor));
  if (!isSameDefinition(asked, own)) throw builtIn(name);
  return { type: own, deliveryPolicy, data: null };
}

const builtIn = (name: string): MailroomError =>
  new MailroomError('conflict', 'EVENT_TYPE_BUILT_IN', `The event type ${name} is built in: only its deliveryPolicy can be changed, and it cannot be deleted. Its e-mail template can be changed too: PUT /v1/email-templates/${name}.`);

const tooMany = (why: string): MailroomError => new MailroomError('conflict', 'EVENT_TYPE_LIMIT', `${why}, which is as many as there can be. Delete one that is not needed.`);

const notOwn = (name: string): MailroomError =>
  new MailroomError('forbidden', 'EVENT_TYPE_NOT_OWN', `The event type ${name} was not made with this API key. A publisher changes its own types only; ask an administrator.`);

function missing(name: string): never {
  throw notFound('event type', name);
}

type Head = Pick<EventType, 'name' | 'category' | 'displayName' | 'description' | 'builtIn'>;

const inOrderOfNames = (a: Head, b: Head): number => (a.name < b.name ? -1 : 1);

function isWanted(type: Head, { q, category, builtIn: wantsBuiltIn }: EventTypeQuery): boolean {
  if (category !== undefined && type.category !== category) return false;
  if (wantsBuiltIn !== undefined && type.builtIn !== wantsBuiltIn) return false;
  if (q === undefined) return true;
  const wanted = q.toLowerCase();
  return [type.name, type.displayName, type.description].some((text) => text.toLowerCase().includes(wanted));
}

function toBuiltIn(type: EventType, policy: PolicyRow | undefined): EventTypeResource {
  return { kind: 'eventType', ...type, deliveryPolicy: policyOf(policy), updatedAt: policy?.updatedAt.toISOString() ?? null, updatedBy: policy?.updatedBy ?? null };
}

/** Whoever changed the policy last is not told when the rest was changed after it. */
function toResource(row: EventTypeRow, policy: PolicyRow | undefined): EventTypeResource {
  const last = policy !== undefined && policy.updatedAt > row.updatedAt ? policy : row;
  return { kind: 'eventType', ...toEventType(row), deliveryPolicy: policyOf(policy), updatedAt: last.updatedAt.toISOString(), updatedBy: last.updatedBy };
}

const policyOf = (row: PolicyRow | undefined): DeliveryPolicy => (row?.policy as DeliveryPolicy | undefined) ?? 'atLeastOnce';

/** Whether a type is as it is wanted, whoever made it. */
const isSame = (type: EventTypeResource, wanted: Definition): boolean => type.deliveryPolicy === wanted.deliveryPolicy && isSameDefinition(type, wanted.type);

const isSameDefinition = (one: EventType, other: EventType): boolean => isDeepStrictEqual(definitionIn(one), definitionIn(other));
const definitionIn = ({ name, category, displayName, description, level, properties }: EventType): object => ({ name, category, displayName, description, level, properties: [...properties].sort((a, b) => (a.name < b.name ? -1 : 1)) });

const describe = ({ category, displayName, description, level, properties, deliveryPolicy }: EventTypeResource): { [field: string]: string | object[] } =>
  ({ category, displayName, description, level, properties, deliveryPolicy });
