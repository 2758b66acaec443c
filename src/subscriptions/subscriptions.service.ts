import { v7 as uuidv7 } from 'uuid';
import { changeResource } from '../audit-log/change-resource.js';
import type { Actor } from '../contract/actor.js';
import { idSliceOf, pageOf } from '../contract/page.js';
import type { Database, Tx } from '../db/client.js';
import { type FieldError, invalid, MailroomError, notFound } from '../errors.js';
import type { EventTypesService } from '../event-types/event-types.service.js';
import { addressKey, checkMailbox } from '../smtp/mailbox-fault.js';
import type { Subscription, SubscriptionPage, SubscriptionQuery, SubscriptionWrite } from './subscriptions.contract.js';
import type { SubscriptionData, SubscriptionRow, SubscriptionsRepository } from './subscriptions.repository.js';

export interface VersionedSubscription {
  subscription: Subscription;
  version: number;
}

export class SubscriptionsService {
  constructor(
    private readonly db: Database,
    private readonly subscriptions: SubscriptionsRepository,
    private readonly eventTypes: EventTypesService,
  ) {}

  async list(query: SubscriptionQuery): Promise<SubscriptionPage> {
    const slice = idSliceOf(query);
    const emailKey = query.emailAddress === undefined ? undefined : addressKey(query.emailAddress);
    return pageOf(await this.subscriptions.list(slice, { emailKey, eventType: query.eventType }), slice.limit, (row) => row.id, toSubscription);
  }

  async get(id: string): Promise<VersionedSubscription> {
    return shown(found(await this.subscriptions.find(id), id));
  }

  async create(actor: Actor, write: SubscriptionWrite): Promise<VersionedSubscription> {
    const data = this.dataOf(write, actor);
    const id = uuidv7();
    return shown(await changeResource(this.db, actor, { type: 'subscription', id, apply: (tx) => this.subscriptions.create(tx, id, data), describe }));
  }

  async put(actor: Actor, id: string, write: SubscriptionWrite, ifMatch: string | undefined): Promise<VersionedSubscription> {
    const data = this.dataOf(write, actor);
    const change = { type: 'subscription', id, ifMatch, load: (tx: Tx) => this.lock(tx, id), describe };
    return shown(await changeResource(this.db, actor, { ...change, apply: (tx) => this.subscriptions.update(tx, id, data) }));
  }

  async delete(actor: Actor, id: string, ifMatch: string | undefined): Promise<void> {
    const change = { type: 'subscription', id, ifMatch, load: (tx: Tx) => this.lock(tx, id), describe };
    await changeResource(this.db, actor, {
      ...change,
      apply: async (tx) => {
        await this.subscriptions.delete(tx, id);
        return null;
      },
    });
  }

  private async lock(tx: Tx, id: string): Promise<SubscriptionRow> {
    return found(await this.subscriptions.lock(tx, id), id);
  }

  private dataOf(write: SubscriptionWrite, actor: Actor): SubscriptionData {
    const { emailAddress, allEvents = false, objectId = null, description = '', enabled = true } = write;
    const fault = checkMailbox(emailAddress);
    if (fault !== null) throw invalid('EMAIL_ADDRESS_INVALID', '/emailAddress', fault);
    const eventTypes = [...new Set(write.eventTypes ?? [])];
    this.refuseEventTypes(allEvents, write.eventTypes ?? []);
    return { emailAddress, emailKey: addressKey(emailAddress), allEvents, eventTypes, objectId, description, enabled, updatedBy: actor.name };
  }

  private refuseEventTypes(allEvents: boolean, eventTypes: string[]): void {
    if (allEvents && eventTypes.length > 0) throw invalid('SUBSCRIPTION_AMBIGUOUS', '/eventTypes', 'must be empty when allEvents is true');
    if (!allEvents && eventTypes.length === 0) throw invalid('SUBSCRIPTION_EMPTY', '/eventTypes', 'must name at least one event type, or set allEvents to true');
    const errors: FieldError[] = eventTypes.flatMap((name, index) =>
      this.eventTypes.find(name) === null ? [{ pointer: `/eventTypes/${index}`, message: `names no event type: ${name.slice(0, 100)}` }] : [],
    );
    if (errors.length > 0) throw new MailroomError('invalid', 'EVENT_TYPE_UNKNOWN', 'Some of the event types do not exist. GET /v1/event-types lists those that do.', errors);
  }
}

function found(row: SubscriptionRow | null, id: string): SubscriptionRow {
  if (row === null) throw notFound('subscription', id);
  return row;
}

const shown = (row: SubscriptionRow): VersionedSubscription => ({ subscription: toSubscription(row), version: row.version });

function toSubscription(row: SubscriptionRow): Subscription {
  const { id, emailAddress, allEvents, eventTypes, objectId, description, enabled, updatedBy } = row;
  const [createdAt, updatedAt] = [row.createdAt.toISOString(), row.updatedAt.toISOString()];
  return { id, emailAddress, allEvents, eventTypes, objectId, description, enabled, createdAt, updatedAt, updatedBy };
}

function describe({ emailAddress, allEvents, eventTypes, objectId, description, enabled }: SubscriptionRow): Record<string, string | boolean | string[] | null> {
  return { emailAddress, allEvents, eventTypes, objectId, description, enabled };
}
