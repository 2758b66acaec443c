-- AlterTable
ALTER TABLE "delivery_state" ADD COLUMN     "recoveries" INTEGER NOT NULL DEFAULT 0;

-- AlterTable
ALTER TABLE "events" ADD COLUMN     "failures_told_at" TIMESTAMPTZ(3);

-- AlterTable
ALTER TABLE "emails" ADD COLUMN     "at_most_once" BOOLEAN NOT NULL DEFAULT false,
ADD COLUMN     "failure_untold" BOOLEAN NOT NULL DEFAULT false;

-- DropTable
DROP TABLE "relay_paces";

-- CreateTable
CREATE TABLE "delivery_policies" (
    "event_type" TEXT NOT NULL,
    "policy" TEXT NOT NULL,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_by" TEXT NOT NULL,

    CONSTRAINT "delivery_policies_pkey" PRIMARY KEY ("event_type")
);

-- CreateTable
CREATE TABLE "relay_states" (
    "relay" TEXT NOT NULL,
    "next_slot_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "slow_interval_ms" DOUBLE PRECISION NOT NULL DEFAULT 0,
    "slowed_at" TIMESTAMPTZ(3),
    "failures" INTEGER NOT NULL DEFAULT 0,
    "unreachable_since" TIMESTAMPTZ(3),
    "code" TEXT,
    "reason" TEXT,
    "open_until" TIMESTAMPTZ(3),
    "probe_until" TIMESTAMPTZ(3),
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "relay_states_pkey" PRIMARY KEY ("relay")
);

-- Failures that are still to be published.
CREATE INDEX "emails_failure_untold_idx" ON "emails" ("event_id") WHERE "failure_untold";

-- What is to become of an e-mail to a user, when it is about to be sent. A function, so that its plans are kept: planning them with each statement
-- takes longer than all the rest of it.
--   code, reason              it must not be sent
--   address, key              it goes to the address that the user has now
--   fork_address, fork_key    it stays with the address, which something else asks for too, and the user gets an e-mail of one's own at the new one
-- All null: it is sent as it is. Once a server may have the message, a repeated delivery goes where the first one went.
CREATE FUNCTION "email_addressee"("m" "emails", OUT "code" text, OUT "reason" text, OUT "address" text, OUT "key" text, OUT "fork_address" text, OUT "fork_key" text)
LANGUAGE plpgsql STABLE AS $$
DECLARE
  u users;
  still_asked_for boolean;
  reached_by_another boolean;
BEGIN
  SELECT * INTO u FROM users WHERE id = m.user_id;
  IF u.enabled AND u.email_address = m.to_address THEN RETURN; END IF;
  IF u.enabled AND EXISTS (SELECT 1 FROM email_attempts a WHERE a.email_id = m.id AND a.outcome = 'unconfirmed') THEN RETURN; END IF;
  IF u.enabled AND u.email_key = m.to_key THEN
    address := u.email_address;
    key := u.email_key;
    RETURN;
  END IF;
  -- Something else brings the event to the address: a subscription of the address itself, or of another user who has it and no e-mail of one's own.
  still_asked_for := EXISTS (
    SELECT 1 FROM events e JOIN subscriptions s
      ON s.enabled AND (s.all_events OR s.event_types @> ARRAY[e.type]) AND (s.object_id IS NULL OR s.object_id = e.object_id)
    WHERE e.id = m.event_id AND s.id IN (
      SELECT d.id FROM subscriptions d WHERE d.email_key = m.to_key
      UNION ALL
      SELECT d.id FROM users other JOIN subscriptions d ON d.user_id = other.id
      WHERE other.email_key = m.to_key AND other.enabled AND other.id <> m.user_id
        AND NOT EXISTS (SELECT 1 FROM emails own WHERE own.event_id = m.event_id AND own.user_id = other.id)
    ));
  IF u.enabled IS NOT TRUE THEN
    IF still_asked_for THEN RETURN; END IF;
    code := CASE WHEN u.id IS NULL THEN 'USER_DELETED' ELSE 'USER_DISABLED' END;
    reason := CASE WHEN u.id IS NULL THEN 'The user was deleted before the mail was sent.' ELSE 'The user was disabled before the mail was sent.' END;
    RETURN;
  END IF;
  -- Another e-mail of the event went to the new address, or waits and is meant for it, or, of several that wait and whose users moved there, was made before.
  reached_by_another := EXISTS (
    SELECT 1 FROM emails other LEFT JOIN users ou ON ou.id = other.user_id AND ou.enabled
    WHERE other.event_id = m.event_id AND other.id <> m.id AND (
      (other.status IN ('sending', 'sent', 'unconfirmed') AND other.to_key = u.email_key)
      OR (other.status IN ('queued', 'deferred') AND (other.user_id IS NULL OR ou.id IS NOT NULL)
        AND coalesce(ou.email_key, other.to_key) = u.email_key AND (other.to_key = u.email_key OR other.id < m.id))));
  IF still_asked_for THEN
    IF reached_by_another THEN RETURN; END IF;
    fork_address := u.email_address;
    fork_key := u.email_key;
  ELSIF reached_by_another THEN
    code := 'ADDRESS_HAS_MAIL';
    reason := 'The user''s new address gets this event by another e-mail.';
  ELSE
    address := u.email_address;
    key := u.email_key;
  END IF;
END
$$;
