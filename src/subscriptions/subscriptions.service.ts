import { changeResource, recordChanges } from '../audit-log/change-resource.js';
import type { Actor } from '../contract/actor.js';
import { idSliceOf, pageOf } from '../contract/page.js';
import type { Database, Tx } from '../db/client.js';
import { invalid, MailroomError, notFound } from '../errors.js';
import type { KnownEventTypes } from '../event-types/known-event-types.js';
import { newId } from '../ids.js';
import { addressKey, checkMailbox } from '../smtp/mailbox-fault.js';
import type { UsersService } from '../users/users.service.js';
import { reasonsFor } from './explain.js';
import { ROLE_DEFAULTS, type SubscriptionRole } from './role-defaults.js';
import type { DefaultSubscriptionWrite, ExplainQuery, Explanation, RoleDefaults, Subscription, SubscriptionPage, SubscriptionQuery, SubscriptionWrite } from './subscriptions.contract.js';
import type { SubscriptionData, SubscriptionFilter, SubscriptionRow, SubscriptionsRepository } from './subscriptions.repository.js';

export interface VersionedSubscription {
  subscription: Subscription;
  version: number;
}

export interface SubscriptionsParts {
  database: Database;
  subscriptions: SubscriptionsRepository;
  eventTypes: KnownEventTypes;
  users: UsersService;
  /** Whether mail is sent at all. */
  isClientEnabled(): Promise<boolean>;
}

const TYPE = 'subscription';
/** Subscriptions of an address that an explanation tells of. */
const LOOKED_AT = 100;
/** Subscriptions in one statement, when very many change together. */
const AT_ONCE = 1_000;

export class SubscriptionsService {
  constructor(private readonly parts: SubscriptionsParts) {}

  async list({ emailAddress, userId, eventType, ...page }: SubscriptionQuery): Promise<SubscriptionPage> {
    const slice = idSliceOf(page);
    const recipient = emailAddress === undefined ? undefined : await this.recipientAt(emailAddress);
    return pageOf(await this.parts.subscriptions.list(slice, { recipient, userId, eventType }), slice.limit, (row) => row.id, toSubscription);
  }

  async get(id: string): Promise<VersionedSubscription> {
    return shown(found(await this.parts.subscriptions.find(id), id));
  }

  async create(actor: Actor, write: SubscriptionWrite): Promise<VersionedSubscription> {
    const data = dataOf(write, actor);
    const id = newId();
    return shown(await changeResource(this.parts.database, actor, { type: TYPE, id, apply: (tx) => this.createIn(tx, id, data), describe }));
  }

  async put(actor: Actor, id: string, write: SubscriptionWrite, ifMatch: string | undefined): Promise<VersionedSubscription> {
    const data = dataOf(write, actor);
    return shown(await changeResource(this.parts.database, actor, {
      type: TYPE,
      id,
      ifMatch,
      describe,
      load: async (tx) => {
        await this.refuseUnknown(tx, data); // user and event types first, then the subscription: the order in which deletions lock them too
        return this.lock(tx, id);
      },
      apply: (tx) => this.parts.subscriptions.update(tx, id, data),
    }));
  }

  async delete(actor: Actor, id: string, ifMatch: string | undefined): Promise<void> {
    await changeResource(this.parts.database, actor, {
      type: TYPE,
      id,
      ifMatch,
      describe,
      load: (tx) => this.lock(tx, id),
      apply: async (tx) => {
        await this.parts.subscriptions.delete(tx, id);
        return null;
      },
    });
  }

  roleDefaults(): RoleDefaults[] {
    return Object.entries(ROLE_DEFAULTS).map(([role, eventTypes]) => ({ role: role as SubscriptionRole, eventTypes }));
  }

  /** One subscription to what a role usually wants; the one that is there already when it was asked for before. */
  async createDefaults(actor: Actor, { role, emailAddress, userId }: DefaultSubscriptionWrite): Promise<VersionedSubscription & { created: boolean }> {
    const data = dataOf({ emailAddress: emailAddress ?? null, userId: userId ?? null, eventTypes: ROLE_DEFAULTS[role], description: `Defaults of the role ${role}` }, actor);
    let created = false;
    const row = await changeResource<SubscriptionRow, SubscriptionRow | null>(this.parts.database, actor, {
      type: TYPE,
      id: ({ id }) => id,
      describe,
      load: (tx) => this.parts.subscriptions.lockAlike(tx, data),
      apply: async (tx, alike) => {
        created = alike === null;
        return alike ?? this.createIn(tx, newId(), data);
      },
    });
    return { ...shown(row), created };
  }

  /** Whether an address would get mail for an event, and each reason for and against. */
  async explain({ eventType, emailAddress, objectId: asked }: ExplainQuery): Promise<Explanation> {
    const objectId = asked ?? null;
    const fault = checkMailbox(emailAddress);
    if (fault !== null) throw badParameter('EMAIL_ADDRESS_INVALID', 'emailAddress', fault);
    if ((await this.parts.eventTypes.find(eventType)) === null) throw badParameter('EVENT_TYPE_UNKNOWN', 'eventType', 'names no event type; GET /v1/event-types lists those that exist');
    const key = addressKey(emailAddress);
    const [asking, others, isClientEnabled] = await Promise.all([
      this.parts.subscriptions.asking(key, eventType, objectId, LOOKED_AT),
      this.parts.subscriptions.ofAddress(key, LOOKED_AT),
      this.parts.isClientEnabled(),
    ]);
    const candidates = [...new Map([...asking, ...others].map((row) => [row.id, row])).values()].slice(0, LOOKED_AT);
    const users = await this.parts.users.named(candidates.flatMap(({ userId }) => userId ?? []));
    const reasons = reasonsFor({ eventType, objectId }, candidates, users, isClientEnabled);
    return { eventType, emailAddress, objectId, answer: isClientEnabled && asking.length > 0 ? 'yes' : 'no', reasons };
  }

  /** Those that name an event type: how many, and the first of them. */
  async to(eventType: string, limit: number): Promise<{ count: number; first: { id: string; description: string; onlyThis: boolean }[] }> {
    const { count, first } = await this.parts.subscriptions.naming(eventType, limit);
    return { count, first: first.map(({ id, description, eventTypes }) => ({ id, description, onlyThis: eventTypes.length === 1 })) };
  }

  /** An event type is deleted: subscriptions lose it, and those that ask for nothing else are deleted. */
  async forgetEventType(tx: Tx, actor: Actor, eventType: string): Promise<void> {
    await inSteps(() => this.parts.subscriptions.withdraw(tx, eventType, AT_ONCE, actor.name), (rows) => {
      const rest = (row: SubscriptionRow): SubscriptionRow => ({ ...row, eventTypes: row.eventTypes.filter((name) => name !== eventType) });
      return recordChanges(tx, actor, TYPE, rows.map((row) => ({ id: row.id, before: describe(row), after: row.eventTypes.length === 1 ? null : describe(rest(row)) })));
    });
  }

  /** A user is deleted, and with the user all subscriptions of the user. */
  async forgetUser(tx: Tx, actor: Actor, userId: string): Promise<void> {
    await inSteps(() => this.parts.subscriptions.deleteOfUser(tx, userId, AT_ONCE), (rows) =>
      recordChanges(tx, actor, TYPE, rows.map((row) => ({ id: row.id, before: describe(row), after: null }))));
  }

  private async recipientAt(emailAddress: string): Promise<SubscriptionFilter['recipient']> {
    const users = await this.parts.users.withAddress(emailAddress, 1_000);
    return { emailKey: addressKey(emailAddress), userIds: users.map(({ id }) => id) };
  }

  private async lock(tx: Tx, id: string): Promise<SubscriptionRow> {
    return found(await this.parts.subscriptions.lock(tx, id), id);
  }

  private async createIn(tx: Tx, id: string, data: SubscriptionData): Promise<SubscriptionRow> {
    await this.refuseUnknown(tx, data);
    return this.parts.subscriptions.create(tx, id, data);
  }

  /** The user and the event types that are named are there, and stay until the transaction ends. */
  private async refuseUnknown(tx: Tx, { userId, eventTypes }: SubscriptionData): Promise<void> {
    if (userId !== null && !(await this.parts.users.exists(tx, userId))) throw invalid('USER_UNKNOWN', '/userId', 'names no user; GET /v1/users lists those that exist');
    await this.parts.eventTypes.refuseUnknown(tx, eventTypes, (index) => `/eventTypes/${index}`);
  }
}

async function inSteps(step: () => Promise<SubscriptionRow[]>, record: (rows: SubscriptionRow[]) => Promise<void>): Promise<void> {
  for (let rows = await step(); rows.length > 0; rows = await step()) await record(rows);
}

function dataOf(write: SubscriptionWrite, actor: Actor): SubscriptionData {
  const { allEvents = false, objectId = null, description = '', enabled = true } = write;
  const eventTypes = [...new Set(write.eventTypes ?? [])];
  if (allEvents && eventTypes.length > 0) throw invalid('SUBSCRIPTION_AMBIGUOUS', '/eventTypes', 'must be empty when allEvents is true');
  if (!allEvents && eventTypes.length === 0) throw invalid('SUBSCRIPTION_EMPTY', '/eventTypes', 'must name at least one event type, or set allEvents to true');
  return { ...recipientOf(write), allEvents, eventTypes, objectId, description, enabled, updatedBy: actor.name };
}

function recipientOf({ emailAddress = null, userId = null }: Pick<SubscriptionWrite, 'emailAddress' | 'userId'>): Pick<SubscriptionData, 'emailAddress' | 'emailKey' | 'userId'> {
  if (emailAddress !== null && userId !== null) throw invalid('SUBSCRIPTION_AMBIGUOUS', '/userId', 'must be left out when emailAddress is given');
  if (userId !== null) return { emailAddress: null, emailKey: null, userId };
  if (emailAddress === null) throw invalid('SUBSCRIPTION_RECIPIENT_REQUIRED', '/emailAddress', 'is required, unless userId is given');
  const fault = checkMailbox(emailAddress);
  if (fault !== null) throw invalid('EMAIL_ADDRESS_INVALID', '/emailAddress', fault);
  return { emailAddress, emailKey: addressKey(emailAddress), userId: null };
}

function found(row: SubscriptionRow | null, id: string): SubscriptionRow {
  if (row === null) throw notFound('subscription', id);
  return row;
}

const badParameter = (code: string, parameter: string, message: string): MailroomError => new MailroomError('invalid', code, `${parameter} ${message}.`, [{ parameter, message }]);

const shown = (row: SubscriptionRow): VersionedSubscription => ({ subscription: toSubscription(row), version: row.version });

function toSubscription(row: SubscriptionRow): Subscription {
  const { id, emailAddress, userId, allEvents, eventTypes, objectId, description, enabled, updatedBy } = row;
  const [createdAt, updatedAt] = [row.createdAt.toISOString(), row.updatedAt.toISOString()];
  return { id, emailAddress, userId, allEvents, eventTypes, objectId, description, enabled, createdAt, updatedAt, updatedBy };
}

function describe({ emailAddress, userId, allEvents, eventTypes, objectId, description, enabled }: SubscriptionRow): Record<string, string | boolean | string[] | null> {
  return { emailAddress, userId, allEvents, eventTypes, objectId, description, enabled };
}
