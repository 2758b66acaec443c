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
