-- AlterTable
ALTER TABLE "subscriptions" ADD COLUMN     "user_id" UUID,
ALTER COLUMN "email_address" DROP NOT NULL,
ALTER COLUMN "email_key" DROP NOT NULL;

-- AlterTable
ALTER TABLE "emails" ADD COLUMN     "match_key" TEXT,
ADD COLUMN     "user_id" UUID;
UPDATE "emails" SET "match_key" = "to_key";
ALTER TABLE "emails" ALTER COLUMN "match_key" SET NOT NULL;

-- DropIndex
DROP INDEX "emails_event_id_to_key_key";

-- CreateIndex
CREATE UNIQUE INDEX "emails_event_id_match_key_key" ON "emails"("event_id", "match_key");

-- AlterTable
ALTER TABLE "events" ADD COLUMN     "is_test" BOOLEAN NOT NULL DEFAULT false;

-- CreateTable
CREATE TABLE "event_types" (
    "name" TEXT NOT NULL,
    "name_key" TEXT NOT NULL,
    "category" TEXT NOT NULL,
    "display_name" TEXT NOT NULL,
    "description" TEXT NOT NULL,
    "level" TEXT NOT NULL,
    "properties" JSONB NOT NULL,
    "owner_key_id" UUID NOT NULL,
    "owner_name" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_by" TEXT NOT NULL,

    CONSTRAINT "event_types_pkey" PRIMARY KEY ("name")
);

-- CreateTable
CREATE TABLE "email_templates" (
    "event_type" TEXT NOT NULL,
    "subject" TEXT NOT NULL,
    "text_body" TEXT NOT NULL,
    "html_body" TEXT,
    "reply_to" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_by" TEXT NOT NULL,

    CONSTRAINT "email_templates_pkey" PRIMARY KEY ("event_type")
);

-- CreateTable
CREATE TABLE "users" (
    "id" UUID NOT NULL,
    "version" INTEGER NOT NULL DEFAULT 1,
    "name" TEXT NOT NULL,
    "email_address" TEXT NOT NULL,
    "email_key" TEXT NOT NULL,
    "enabled" BOOLEAN NOT NULL DEFAULT true,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_by" TEXT NOT NULL,

    CONSTRAINT "users_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "event_types_name_key_key" ON "event_types"("name_key");

-- CreateIndex
CREATE INDEX "users_email_key_idx" ON "users"("email_key");

-- CreateIndex
CREATE INDEX "subscriptions_user_id_idx" ON "subscriptions"("user_id");

-- Either an address or a user.
ALTER TABLE "subscriptions" ADD CONSTRAINT "subscriptions_one_recipient" CHECK (num_nonnulls("email_address", "user_id") = 1 AND ("email_key" IS NULL) = ("email_address" IS NULL));
ALTER TABLE "subscriptions" ADD CONSTRAINT "subscriptions_user_fkey" FOREIGN KEY ("user_id") REFERENCES "users" ("id");
