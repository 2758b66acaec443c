-- AlterTable
ALTER TABLE "accounts" ADD COLUMN     "dns_servers" TEXT[] DEFAULT ARRAY[]::TEXT[];

-- Passwords that were entered before are meant for the servers of now.
UPDATE "accounts" SET "dns_servers" = (SELECT "servers" FROM "dns_settings" LIMIT 1);
