-- CreateEnum
CREATE TYPE "api_key_role" AS ENUM ('administrator', 'auditor', 'publisher');

-- CreateEnum
CREATE TYPE "email_status" AS ENUM ('queued', 'sending', 'sent', 'deferred', 'failed', 'unconfirmed', 'skipped', 'cancelled');

-- CreateTable
CREATE TABLE "api_keys" (
    "id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "role" "api_key_role" NOT NULL,
    "key_hash" BYTEA NOT NULL,
    "origin" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "created_by" TEXT NOT NULL,

    CONSTRAINT "api_keys_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "audit_log" (
    "id" UUID NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "actor" TEXT NOT NULL,
    "actor_key_id" UUID,
    "remote_address" TEXT,
    "request_id" TEXT,
    "action" TEXT NOT NULL,
    "resource_type" TEXT NOT NULL,
    "resource_id" TEXT NOT NULL,
    "old_value" JSONB,
    "new_value" JSONB,

    CONSTRAINT "audit_log_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "secret_keys" (
    "key_id" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "secret_keys_pkey" PRIMARY KEY ("key_id")
);

-- CreateTable
CREATE TABLE "smtp_settings" (
    "id" SMALLINT NOT NULL DEFAULT 1,
    "version" INTEGER NOT NULL DEFAULT 0,
    "server_address" TEXT,
    "resolve_mx" BOOLEAN NOT NULL DEFAULT false,
    "port" INTEGER,
    "security" TEXT NOT NULL DEFAULT 'startTls',
    "verify_certificate" BOOLEAN NOT NULL DEFAULT true,
    "use_client_certificate" BOOLEAN NOT NULL DEFAULT false,
    "authentication_type" TEXT NOT NULL DEFAULT 'none',
    "account_name" TEXT,
    "password_ciphertext" TEXT,
    "sender_address" TEXT,
    "sender_name" TEXT,
    "client_hostname" TEXT,
    "max_connections" INTEGER NOT NULL DEFAULT 5,
    "max_messages_per_second" INTEGER,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_by" TEXT NOT NULL DEFAULT 'Mailroom',

    CONSTRAINT "smtp_settings_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "subscriptions" (
    "id" UUID NOT NULL,
    "version" INTEGER NOT NULL DEFAULT 1,
    "email_address" TEXT NOT NULL,
    "email_key" TEXT NOT NULL,
    "description" TEXT NOT NULL DEFAULT '',
    "all_events" BOOLEAN NOT NULL,
    "event_types" TEXT[],
    "object_id" TEXT,
    "enabled" BOOLEAN NOT NULL DEFAULT true,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_by" TEXT NOT NULL,

    CONSTRAINT "subscriptions_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "events" (
    "id" UUID NOT NULL,
    "type" TEXT NOT NULL,
    "properties" JSONB NOT NULL,
    "object_id" TEXT,
    "occurred_at" TIMESTAMPTZ(3) NOT NULL,
    "accepted_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "published_by" TEXT NOT NULL,
    "publisher_key_id" UUID NOT NULL,
    "client_enabled" BOOLEAN NOT NULL,
    "matched_at" TIMESTAMPTZ(3),
    "nudge_at" TIMESTAMPTZ(3),

    CONSTRAINT "events_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "email_contents" (
    "event_id" UUID NOT NULL,
    "subject" TEXT NOT NULL,
    "text_body" TEXT NOT NULL,
    "html_body" TEXT NOT NULL,
    "reply_to" TEXT,
    "warnings" TEXT[],
    "rendered_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "email_contents_pkey" PRIMARY KEY ("event_id")
);

-- CreateTable
CREATE TABLE "emails" (
    "id" UUID NOT NULL,
    "event_id" UUID NOT NULL,
    "event_type" TEXT NOT NULL,
    "publisher_key_id" UUID NOT NULL,
    "subscription_id" UUID,
    "to_address" TEXT NOT NULL,
    "to_key" TEXT NOT NULL,
    "message_id" TEXT NOT NULL,
    "status" "email_status" NOT NULL,
    "reason_code" TEXT,
    "reason" TEXT,
    "attempt_count" INTEGER NOT NULL DEFAULT 0,
    "tries" INTEGER NOT NULL DEFAULT 0,
    "give_up_at" TIMESTAMPTZ(3) NOT NULL,
    "next_attempt_at" TIMESTAMPTZ(3),
    "nudge_at" TIMESTAMPTZ(3),
    "lease_id" UUID,
    "attempt_started_at" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "sent_at" TIMESTAMPTZ(3),
    "server_reply" TEXT,
    "server_queue_id" TEXT,

    CONSTRAINT "emails_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "email_attempts" (
    "email_id" UUID NOT NULL,
    "number" INTEGER NOT NULL,
    "started_at" TIMESTAMPTZ(3) NOT NULL,
    "duration_ms" INTEGER NOT NULL,
    "worker" TEXT NOT NULL,
    "address" TEXT,
    "port" INTEGER,
    "outcome" TEXT NOT NULL,
    "stage" TEXT,
    "code" TEXT,
    "reply" TEXT,
    "enhanced_code" TEXT,
    "message" TEXT,
    "hint" TEXT,

    CONSTRAINT "email_attempts_pkey" PRIMARY KEY ("email_id","number")
);

-- CreateTable
CREATE TABLE "delivery_leases" (
    "id" UUID NOT NULL,
    "worker" TEXT NOT NULL,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "delivery_leases_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "relay_paces" (
    "relay" TEXT NOT NULL,
    "next_slot_at" TIMESTAMPTZ(6) NOT NULL,

    CONSTRAINT "relay_paces_pkey" PRIMARY KEY ("relay")
);

-- CreateTable
CREATE TABLE "idempotency_keys" (
    "api_key_id" UUID NOT NULL,
    "operation" TEXT NOT NULL,
    "key" TEXT NOT NULL,
    "request_hash" BYTEA NOT NULL,
    "response" JSONB NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "idempotency_keys_pkey" PRIMARY KEY ("api_key_id","operation","key")
);

-- CreateIndex
CREATE UNIQUE INDEX "api_keys_key_hash_key" ON "api_keys"("key_hash");

-- CreateIndex
CREATE INDEX "audit_log_resource_type_resource_id_id_idx" ON "audit_log"("resource_type", "resource_id", "id");

-- CreateIndex
CREATE INDEX "subscriptions_email_key_idx" ON "subscriptions"("email_key");

-- CreateIndex
CREATE INDEX "subscriptions_event_types_idx" ON "subscriptions" USING GIN ("event_types");

-- CreateIndex
CREATE INDEX "events_type_id_idx" ON "events"("type", "id");

-- CreateIndex
CREATE INDEX "events_publisher_key_id_id_idx" ON "events"("publisher_key_id", "id");

-- CreateIndex
CREATE INDEX "emails_status_id_idx" ON "emails"("status", "id");

-- CreateIndex
CREATE INDEX "emails_to_key_id_idx" ON "emails"("to_key", "id");

-- CreateIndex
CREATE INDEX "emails_event_id_id_status_idx" ON "emails"("event_id", "id", "status");

-- CreateIndex
CREATE INDEX "emails_publisher_key_id_id_status_idx" ON "emails"("publisher_key_id", "id", "status");

-- CreateIndex
CREATE UNIQUE INDEX "emails_event_id_to_key_key" ON "emails"("event_id", "to_key");

-- CreateIndex
CREATE INDEX "delivery_leases_expires_at_idx" ON "delivery_leases"("expires_at");

-- CreateIndex
CREATE INDEX "idempotency_keys_created_at_idx" ON "idempotency_keys"("created_at");

-- CreateTable
CREATE TABLE "installation" (
    "id" SMALLINT NOT NULL DEFAULT 1,
    "installation_id" UUID NOT NULL DEFAULT gen_random_uuid(),

    CONSTRAINT "installation_pkey" PRIMARY KEY ("id")
);
ALTER TABLE "installation" ADD CONSTRAINT "installation_one_row" CHECK ("id" = 1);
INSERT INTO "installation" ("id") VALUES (1);

-- The settings are one row, there from the start.
ALTER TABLE "smtp_settings" ADD CONSTRAINT "smtp_settings_one_row" CHECK ("id" = 1);
INSERT INTO "smtp_settings" ("id") VALUES (1);

-- What waits is found through small indexes that finished rows leave.
CREATE INDEX "events_nudge_at_idx" ON "events" ("nudge_at") WHERE "nudge_at" IS NOT NULL;
CREATE INDEX "emails_nudge_at_idx" ON "emails" ("nudge_at") WHERE "nudge_at" IS NOT NULL;
CREATE INDEX "emails_lease_id_idx" ON "emails" ("lease_id") WHERE "lease_id" IS NOT NULL;
CREATE INDEX "emails_waiting_idx" ON "emails" ("status") WHERE "status" IN ('queued', 'sending', 'deferred', 'unconfirmed');
CREATE INDEX "subscriptions_all_events_idx" ON "subscriptions" ("id") WHERE "all_events" AND "enabled";

-- UUIDv7 (RFC 9562 §5.7) for rows that are inserted by set: 48 bits of Unix milliseconds in front of a random UUID, version 7. The
-- milliseconds are rounded as those of a timestamptz(3), so that an id of now() and a created_at of now() are the same moment.
CREATE FUNCTION "uuid_v7"("at" timestamptz DEFAULT clock_timestamp()) RETURNS uuid LANGUAGE sql VOLATILE PARALLEL SAFE AS $$
  SELECT encode(
    set_bit(set_bit(
      overlay(uuid_send(gen_random_uuid())
        PLACING substring(int8send((extract(epoch FROM "at") * 1000)::bigint) FROM 3) FROM 1 FOR 6),
      52, 1), 53, 1), 'hex')::uuid
$$;
