import type { ExplanationCode, ExplanationReason } from './subscriptions.contract.js';
import type { SubscriptionRow } from './subscriptions.repository.js';

/** An event that might be published. */
export interface AskedEvent {
  eventType: string;
  objectId: string | null;
}

/** Somebody who has the address that is asked about. */
export interface AskedUser {
  id: string;
  name: string;
  enabled: boolean;
}

type Candidate = Pick<SubscriptionRow, 'id' | 'userId' | 'allEvents' | 'eventTypes' | 'objectId' | 'enabled' | 'description'>;

/**
 * Why an address would, or would not, get mail for an event: what each of its subscriptions says, those that ask for it first. The same conditions decide as
 * when the e-mails of an event are made.
 * @param users those who have the address
 */
export function reasonsFor(event: AskedEvent, candidates: Candidate[], users: AskedUser[], clientEnabled: boolean): ExplanationReason[] {
  const byId = new Map(users.map((user) => [user.id, user]));
  const told = candidates.flatMap((candidate) => reasonsOf(candidate, candidate.userId === null ? null : byId.get(candidate.userId)!, event));
  if (candidates.length === 0) told.push({ code: 'NO_SUBSCRIPTION', message: 'No subscription has this address, neither itself nor by a user.', subscriptionId: null, userId: null });
  const disabled: ExplanationReason = {
    code: 'EMAIL_CLIENT_DISABLED', message: 'The e-mail client is disabled (serverAddress is null in the SMTP settings), so no mail is made to be sent.', subscriptionId: null, userId: null,
  };
  return [...told.filter(isFor), ...(clientEnabled ? [] : [disabled]), ...told.filter((reason) => !isFor(reason))];
}

const isFor = ({ code }: ExplanationReason): boolean => code === 'SUBSCRIBED';

/** Each thing that stands in the way of one subscription, or that nothing does. */
function reasonsOf(candidate: Candidate, user: AskedUser | null, { eventType, objectId }: AskedEvent): ExplanationReason[] {
  const name = `Subscription ${candidate.id}${candidate.description === '' ? '' : ` (${candidate.description})`}`;
  const reason = (code: ExplanationCode, message: string): ExplanationReason => ({ code, message, subscriptionId: candidate.id, userId: candidate.userId });
  const against: ExplanationReason[] = [];
  if (!candidate.enabled) against.push(reason('SUBSCRIPTION_DISABLED', `${name} is disabled.`));
  if (user?.enabled === false) against.push(reason('USER_DISABLED', `${name} is of the user ${user.name}, who is disabled.`));
  if (!candidate.allEvents && !candidate.eventTypes.includes(eventType)) against.push(reason('EVENT_TYPE_NOT_SUBSCRIBED', `${name} names ${candidate.eventTypes.length} event types; ${eventType} is not among them.`));
  if (candidate.objectId !== null && candidate.objectId !== objectId) {
    against.push(reason('OBJECT_DIFFERS', `${name} is for events with the objectId ${candidate.objectId} only; ${objectId === null ? 'this one has none' : `this one has ${objectId}`}.`));
  }
  if (against.length > 0) return against;
  return [reason('SUBSCRIBED', `${name} asks for ${candidate.allEvents ? 'all events' : eventType}${candidate.objectId === null ? '' : ` with the objectId ${candidate.objectId}`}.`)];
}
