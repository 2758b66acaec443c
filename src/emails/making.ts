import { Prisma } from '../db/client.js';
import { SUBSCRIPTIONS_OF_EVENT } from './subscribers.js';

/** The next e-mails to make. */
export interface Portion {
  eventIds: string[];
  /** A subscription: those up to and with it have been looked at. null: none yet. */
  after: string | null;
  /** Subscriptions to look at for each event, in the order of their ids. */
  limit: number;
  /** How many of the e-mails the caller nudges; the others are due for the sweeper at once. */
  nudgeable: number;
}

/** Whether the type of the event e wants its e-mails sent once at most. */
export const AT_MOST_ONCE = Prisma.sql`EXISTS (SELECT 1 FROM delivery_policies WHERE event_type = e.type AND policy = 'atMostOnce')`;

/**
 * A UUIDv7 with a counter of 24 bits behind its milliseconds (RFC 9562 §6.2, method 1): rows that are inserted in this order are appended to the indexes
 * on their ids, which is much cheaper than spreading them. 48 random bits are left.
 */
const ID_IN_ORDER = Prisma.sql`
  (moment || lpad(to_hex(place >> 12), 3, '0') || '-8' || lpad(to_hex(place & 4095), 3, '0') || '-' || right(gen_random_uuid()::text, 12))::uuid`;

/**
 * Makes the e-mails of events: one for each event and address (compared in lower case); what is there already is left alone. When an address
 * subscribes itself and a user has it too, the e-mail is the user's: it stays with the address when the user goes (ADDRESSEES). E-mails of events that were accepted while the e-mail client was disabled are skipped. An id
 * holds the moment of created_at, which lists rely on.
 */
export const emailsForSubscribers = ({ eventIds, after, limit, nudgeable }: Portion, messageIdDomain: string): Prisma.Sql => Prisma.sql`
  WITH pairs AS (
    SELECT e.id AS event_id, e.type, e.publisher_key_id, e.client_enabled, s.id AS subscription_id, s.email_address, s.email_key, s.user_id,
           ${AT_MOST_ONCE} AS at_most_once
    FROM events e CROSS JOIN LATERAL (
      SELECT id, email_address, email_key, user_id FROM (${SUBSCRIPTIONS_OF_EVENT}) o
      WHERE ${after === null ? Prisma.sql`true` : Prisma.sql`id > ${after}::uuid`}
      ORDER BY id LIMIT ${limit}
    ) s
    WHERE e.id = ANY(${eventIds}::uuid[])
  ), made AS (
    INSERT INTO emails (id, event_id, event_type, publisher_key_id, subscription_id, user_id, to_address, to_key, match_key, message_id, at_most_once, status, reason_code, reason,
                        give_up_at, next_attempt_at, nudge_at)
    SELECT id, event_id, type, publisher_key_id, subscription_id, user_id, email_address, email_key, email_key, '<' || id || '@' || ${messageIdDomain} || '>', at_most_once,
           CASE WHEN client_enabled THEN 'queued'::email_status ELSE 'skipped'::email_status END,
           CASE WHEN NOT client_enabled THEN 'EMAIL_CLIENT_DISABLED' END,
           CASE WHEN NOT client_enabled THEN 'The e-mail client was disabled (serverAddress is null) when the event was published.' END,
           now() + interval '3 days',
           CASE WHEN client_enabled THEN now() END,
           CASE WHEN client_enabled THEN CASE WHEN place <= ${nudgeable} THEN now() + interval '15 seconds' ELSE now() END END
    FROM (
      SELECT ${ID_IN_ORDER} AS id, placed.*
      FROM (SELECT left(uuid_v7(now())::text, 15) AS moment) stamp, (
        SELECT row_number() OVER () AS place, once.* FROM (
          SELECT DISTINCT ON (event_id, email_key) pairs.* FROM pairs ORDER BY event_id, email_key, user_id, subscription_id
        ) once
      ) placed
    ) numbered
    ON CONFLICT (event_id, match_key) DO NOTHING
    RETURNING id, nudge_at
  )
  SELECT ARRAY(SELECT id FROM made WHERE nudge_at > now() + interval '1 second') AS nudge, (
    SELECT coalesce(jsonb_agg(u), '[]') FROM (
      SELECT event_id AS "eventId", (array_agg(subscription_id ORDER BY subscription_id DESC))[1] AS after FROM pairs GROUP BY event_id HAVING count(*) = ${limit}
    ) u
  ) AS unfinished`;
