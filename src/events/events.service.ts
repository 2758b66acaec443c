import type { Actor } from '../contract/actor.js';
import { idSliceOf, pageOf } from '../contract/page.js';
import type { Tx } from '../db/client.js';
import { Grouping } from '../db/grouping.js';
import type { EmailCounts } from '../emails/emails.contract.js';
import { type EmailsService, noEmails } from '../emails/emails.service.js';
import { notFound } from '../errors.js';
import type { EventType } from '../event-types/event-type.js';
import type { KnownEventTypes } from '../event-types/known-event-types.js';
import { type Answer, claimOf, type IdempotencyService } from '../idempotency/idempotency.service.js';
import { newId } from '../ids.js';
import type { AcceptedEvents, Event, EventBatch, EventPage, EventPublish, EventQuery, PropertyValue } from './events.contract.js';
import type { EventRow, EventsRepository, NewEvent } from './events.repository.js';
import { refuseInvalidEvents } from './validate.js';

/** Tells the workers that these events wait. Never fails and never waits: the rows are durable, the sweeper finds what a nudge missed. */
type Nudge = (eventIds: string[]) => void;

/** An event of so many characters counts as another one. */
const LARGE = 20_000;
/** Of requests that come at the same time, one statement stores 50 events, or fewer when they are large; two such statements may be under way. */
const STORED_TOGETHER = { most: 50, statements: 2, sizeOf: ({ properties }: NewEvent) => 1 + Math.floor(JSON.stringify(properties).length / LARGE), patienceMs: 5_000 };

export class EventsService {
  private readonly arrivals: Grouping<NewEvent, EventRow>;

  constructor(
    private readonly events: EventsRepository,
    private readonly eventTypes: KnownEventTypes,
    private readonly emails: EmailsService,
    private readonly idempotency: IdempotencyService,
    private readonly nudge: Nudge,
  ) {
    this.arrivals = new Grouping((arrived) => events.insert(arrived), STORED_TOGETHER);
  }

  async publish(actor: Actor, body: EventPublish, idempotencyKey: string | undefined): Promise<Answer<Event>> {
    const types = await this.typesOf([body]);
    const claim = claimOf(actor, 'publishEvent', idempotencyKey, body);
    const accept = async (tx?: Tx): Promise<Event> => {
      refuseInvalidEvents([body], types, () => ''); // here, for an answer that was given before is given again, whatever the type has become
      const event = toNewEvent(body, actor);
      return toEvent(tx === undefined ? await this.arrivals.ask(event) : (await this.events.insert([event], tx))[0]!, undefined);
    };
    const answer = claim === null ? { response: await accept(), replayed: false } : await this.idempotency.once(claim, accept);
    return this.nudged(answer, (event) => [event]);
  }

  async publishBatch(actor: Actor, body: EventBatch, idempotencyKey: string | undefined): Promise<Answer<AcceptedEvents>> {
    const types = await this.typesOf(body.events);
    const claim = claimOf(actor, 'publishEvents', idempotencyKey, body);
    const accept = async (tx: Tx): Promise<AcceptedEvents> => {
      refuseInvalidEvents(body.events, types, (index) => `/events/${index}`);
      const rows = await this.events.insert(body.events.map((event) => toNewEvent(event, actor)), tx);
      return { items: rows.map((row) => toEvent(row, undefined)) };
    };
    return this.nudged(await this.idempotency.once(claim, accept), ({ items }) => items);
  }

  /**
   * Publishes events of Mailroom itself, in a transaction of the caller.
   * @returns to be called after the commit
   */
  async publishOwn(tx: Tx, events: EventPublish[]): Promise<() => void> {
    const rows = await this.events.insert(events.map((event) => toNewEvent(event, MAILROOM)), tx);
    return () => this.nudge(rows.map(({ id }) => id));
  }

  /** Keeps an event that did not happen, for the one e-mail that tries its template: nobody's subscription is asked. */
  async recordTest(tx: Tx, actor: Actor, event: EventPublish): Promise<Event> {
    const [row] = await this.events.insert([toNewEvent(event, actor)], tx, true);
    return toEvent(row!, undefined);
  }

  async get(actor: Actor, id: string): Promise<Event> {
    const event = await this.find(actor, id);
    if (event === null) throw notFound('event', id);
    return event;
  }

  async find(actor: Actor, id: string): Promise<Event | null> {
    const row = await this.events.find(id, ownOnly(actor));
    if (row === null) return null;
    const counts = await this.emails.countsByEvent([id]);
    return toEvent(row, counts.get(id));
  }

  async list(actor: Actor, query: EventQuery): Promise<EventPage> {
    const slice = idSliceOf(query);
    const rows = await this.events.list(slice, { type: query.type, publisherKeyId: ownOnly(actor) });
    const counts = await this.emails.countsByEvent(rows.slice(0, slice.limit).map(({ id }) => id));
    return pageOf(rows, slice.limit, (row) => row.id, (row) => toEvent(row, counts.get(row.id)));
  }

  private typesOf(events: EventPublish[]): Promise<Map<string, EventType>> {
    return this.eventTypes.findMany(events.map(({ type }) => type));
  }

  /** Only after the commit: a worker that is faster than us must find the rows. */
  private nudged<T>(answer: Answer<T>, eventsOf: (response: T) => Event[]): Answer<T> {
    if (!answer.replayed) this.nudge(eventsOf(answer.response).map(({ id }) => id));
    return answer;
  }
}

/** No key has this id, so no publisher reads these events. */
const MAILROOM = { name: 'Mailroom', keyId: '00000000-0000-0000-0000-000000000000' };

/** A publisher reads what it published itself; the other readers everything. */
const ownOnly = ({ role, keyId }: Actor): string | null => (role === 'publisher' ? keyId : null);

function toNewEvent({ type, properties, objectId, occurredAt }: EventPublish, { name, keyId }: Pick<Actor, 'name' | 'keyId'>): NewEvent {
  return { id: newId(), type, properties: properties ?? {}, objectId: objectId ?? null, occurredAt: occurredAt ? new Date(occurredAt).toISOString() : null, publishedBy: name, publisherKeyId: keyId };
}

function toEvent(row: EventRow, counts: EmailCounts | undefined): Event {
  return {
    id: row.id,
    type: row.type,
    properties: row.properties as Record<string, PropertyValue>,
    objectId: row.objectId,
    occurredAt: row.occurredAt.toISOString(),
    acceptedAt: row.acceptedAt.toISOString(),
    publishedBy: row.publishedBy,
    isTest: row.isTest,
    matchedAt: row.matchedAt?.toISOString() ?? null,
    emails: counts ?? noEmails(),
  };
}
