import { Prisma } from '../db/client.js';

/** Whether a subscription s asks for the object of an event e. */
const ASKS_FOR_OBJECT = Prisma.sql`(s.object_id IS NULL OR s.object_id = e.object_id)`;

const RECIPIENT = Prisma.sql`
  s.id, coalesce(u.email_address, s.email_address) AS email_address, coalesce(u.email_key, s.email_key) AS email_key, s.user_id
  FROM subscriptions s LEFT JOIN users u ON u.id = s.user_id`;

/**
 * The enabled subscriptions that ask for the event e, each with the address as it is now: its own, or that of its user, who is enabled. Two queries,
 * as each has an index of its own.
 */
export const SUBSCRIPTIONS_OF_EVENT = Prisma.sql`
  SELECT ${RECIPIENT}
  WHERE s.enabled AND s.all_events AND ${ASKS_FOR_OBJECT} AND (s.user_id IS NULL OR u.enabled)
  UNION ALL
  SELECT ${RECIPIENT}
  WHERE s.enabled AND NOT s.all_events AND s.event_types @> ARRAY[e.type] AND ${ASKS_FOR_OBJECT} AND (s.user_id IS NULL OR u.enabled)`;

/**
 * Whether something else brings the event of the e-mail m to its address: a subscription of the address itself, or of another user who has it and no
 * e-mail of one's own.
 */
const STILL_ASKED_FOR = Prisma.sql`EXISTS (
  SELECT 1 FROM events e JOIN subscriptions s ON s.enabled AND (s.all_events OR s.event_types @> ARRAY[e.type]) AND ${ASKS_FOR_OBJECT}
  WHERE e.id = m.event_id AND s.id IN (
    SELECT id FROM subscriptions WHERE email_key = m.to_key
    UNION ALL
    SELECT o.id FROM users other JOIN subscriptions o ON o.user_id = other.id WHERE other.email_key = m.to_key AND other.enabled AND other.id <> m.user_id
      AND NOT EXISTS (SELECT 1 FROM emails own WHERE own.event_id = m.event_id AND own.user_id = other.id)
  )
)`;

/**
 * Whether another e-mail of the event of m reaches the address n, or will: one that went there, one that waits and is meant for it, or, of several that
 * wait and whose users moved there, the one that was made first.
 */
const REACHED_BY_ANOTHER = Prisma.sql`EXISTS (
  SELECT 1 FROM emails other LEFT JOIN users ou ON ou.id = other.user_id AND ou.enabled
  WHERE other.event_id = m.event_id AND other.id <> m.id AND (
    (other.status IN ('sending', 'sent', 'unconfirmed') AND other.to_key = n.key)
    OR (other.status IN ('queued', 'deferred') AND (other.user_id IS NULL OR ou.id IS NOT NULL)
        AND coalesce(ou.email_key, other.to_key) = n.key AND (other.to_key = n.key OR other.id < m.id))
  )
)`;

/** Once a server may have the message, a repeated delivery goes where the first one went. */
const HANDED_OVER = Prisma.sql`EXISTS (SELECT 1 FROM email_attempts WHERE email_id = m.id AND outcome = 'unconfirmed')`;

/**
 * Of those e-mails of s (with their ids) that are for users, what is to become of them:
 * - `code`, `reason`: they must not be sent;
 * - `address`, `key`: they go to the address that the user has now;
 * - `fork_address`, `fork_key`: they stay with the address, which something else asks for too, and the user gets an e-mail of one's own at the new one.
 * All null: they are sent as they are.
 */
export const ADDRESSEES = Prisma.sql`
  SELECT t.id, CASE WHEN t.verdict IN ('USER_DELETED', 'USER_DISABLED', 'ADDRESS_HAS_MAIL') THEN t.verdict END AS code,
    CASE t.verdict WHEN 'USER_DELETED' THEN 'The user was deleted before the mail was sent.'
                   WHEN 'USER_DISABLED' THEN 'The user was disabled before the mail was sent.'
                   WHEN 'ADDRESS_HAS_MAIL' THEN 'The user''s new address gets this event by another e-mail.' END AS reason,
    CASE WHEN t.verdict = 'MOVED' THEN t.address END AS address, CASE WHEN t.verdict = 'MOVED' THEN t.key END AS key,
    CASE WHEN t.verdict = 'FORKED' THEN t.address END AS fork_address, CASE WHEN t.verdict = 'FORKED' THEN t.key END AS fork_key
  FROM (
    SELECT m.id, n.address, n.key,
      CASE WHEN u.enabled IS NOT TRUE THEN CASE WHEN ${STILL_ASKED_FOR} THEN NULL WHEN u.id IS NULL THEN 'USER_DELETED' ELSE 'USER_DISABLED' END
           WHEN n.key = m.to_key THEN 'MOVED'
           WHEN n.key IS NULL THEN NULL
           WHEN ${STILL_ASKED_FOR} THEN CASE WHEN NOT ${REACHED_BY_ANOTHER} THEN 'FORKED' END
           WHEN ${REACHED_BY_ANOTHER} THEN 'ADDRESS_HAS_MAIL'
           ELSE 'MOVED' END AS verdict
    FROM s JOIN emails m ON m.id = s.id LEFT JOIN users u ON u.id = m.user_id
    LEFT JOIN LATERAL (SELECT u.email_address AS address, u.email_key AS key WHERE u.enabled AND u.email_address <> m.to_address AND NOT ${HANDED_OVER}) n ON true
    WHERE m.user_id IS NOT NULL AND m.lease_id = s."leaseId"
  ) t`;
