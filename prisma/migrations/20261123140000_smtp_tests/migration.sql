-- CreateEnum
CREATE TYPE "smtp_test_status" AS ENUM ('queued', 'running', 'passed', 'failed', 'timedOut');

-- AlterTable
ALTER TABLE "smtp_settings" ADD COLUMN     "account_id" UUID,
ADD COLUMN     "client_id" TEXT,
ADD COLUMN     "scope" TEXT,
ADD COLUMN     "token_url" TEXT;

-- CreateTable
CREATE TABLE "accounts" (
    "id" UUID NOT NULL,
    "version" INTEGER NOT NULL DEFAULT 1,
    "kind" TEXT NOT NULL,
    "domain_name" TEXT,
    "asset_name" TEXT,
    "account_name" TEXT NOT NULL,
    "password_ciphertext" TEXT,
    "allowed_servers" TEXT[],
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_by" TEXT NOT NULL,

    CONSTRAINT "accounts_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "dns_settings" (
    "id" SMALLINT NOT NULL DEFAULT 1,
    "version" INTEGER NOT NULL DEFAULT 0,
    "servers" TEXT[],
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_by" TEXT NOT NULL DEFAULT 'Mailroom',

    CONSTRAINT "dns_settings_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "smtp_tests" (
    "id" UUID NOT NULL,
    "status" "smtp_test_status" NOT NULL DEFAULT 'queued',
    "send_to" TEXT NOT NULL,
    "sender_address" TEXT,
    "timeout_seconds" INTEGER NOT NULL,
    "candidate" JSONB,
    "secret_ciphertext" TEXT,
    "addresses" JSONB NOT NULL DEFAULT '[]',
    "code" TEXT,
    "message" TEXT,
    "hint" TEXT,
    "requested_by" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "started_at" TIMESTAMPTZ(3),
    "finished_at" TIMESTAMPTZ(3),
    "revision" INTEGER NOT NULL DEFAULT 0,
    "worker" TEXT,
    "nudge_at" TIMESTAMPTZ(3),

    CONSTRAINT "smtp_tests_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "delivery_gate" (
    "id" SMALLINT NOT NULL DEFAULT 1,
    "holder" UUID,
    "expires_at" TIMESTAMPTZ(3),
    "opens_until" TIMESTAMPTZ(3),

    CONSTRAINT "delivery_gate_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "smtp_session_logs" (
    "id" UUID NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "kind" TEXT NOT NULL,
    "subject_id" UUID,
    "worker" TEXT NOT NULL,
    "line" TEXT NOT NULL,
    "transcript" TEXT,

    CONSTRAINT "smtp_session_logs_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "smtp_tests_status_id_idx" ON "smtp_tests"("status", "id");

-- CreateIndex
CREATE INDEX "smtp_session_logs_at_idx" ON "smtp_session_logs"("at");

-- CreateTable
CREATE TABLE "delivery_state" (
    "id" SMALLINT NOT NULL DEFAULT 1,
    "released_version" TEXT NOT NULL DEFAULT '0.0.0',

    CONSTRAINT "delivery_state_pkey" PRIMARY KEY ("id")
);
ALTER TABLE "delivery_state" ADD CONSTRAINT "delivery_state_one_row" CHECK ("id" = 1);
INSERT INTO "delivery_state" ("id") VALUES (1);

-- Mail that waits for a retry, in the order of its time.
CREATE INDEX "emails_retries_idx" ON "emails" ("next_attempt_at") WHERE "status" IN ('deferred', 'unconfirmed') AND "lease_id" IS NULL;

-- Rows that are there from the start.
ALTER TABLE "dns_settings" ALTER COLUMN "servers" SET NOT NULL, ALTER COLUMN "servers" SET DEFAULT '{}';
ALTER TABLE "dns_settings" ADD CONSTRAINT "dns_settings_one_row" CHECK ("id" = 1);
INSERT INTO "dns_settings" ("id") VALUES (1);
ALTER TABLE "delivery_gate" ADD CONSTRAINT "delivery_gate_one_row" CHECK ("id" = 1);
INSERT INTO "delivery_gate" ("id") VALUES (1);

-- Tests that wait are found through a small index that finished rows leave.
CREATE INDEX "smtp_tests_open_idx" ON "smtp_tests" ("id") WHERE "status" IN ('queued', 'running');
