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

/** Of those e-mails of s (with their ids) that are for users, what is to become of them: the function `email_addressee` says. */
export const ADDRESSEES = Prisma.sql`
  SELECT m.id, a.*
  FROM s CROSS JOIN LATERAL (SELECT e.id, e AS email FROM emails e WHERE e.id = s.id AND e.user_id IS NOT NULL AND e.lease_id = s."leaseId" OFFSET 0) m
  CROSS JOIN LATERAL email_addressee(m.email) a`;

/** The same when none of s is for a user. */
export const NO_ADDRESSEES = Prisma.sql`SELECT NULL::uuid AS id, NULL AS code, NULL AS reason, NULL AS address, NULL AS key WHERE false`;
