-- AlterTable
ALTER TABLE "api_keys" ADD COLUMN     "expires_at" TIMESTAMPTZ(3),
ADD COLUMN     "last_used_at" TIMESTAMPTZ(3);

-- CreateIndex
CREATE INDEX "audit_log_actor_id_idx" ON "audit_log"("actor", "id");

-- CreateIndex
CREATE INDEX "audit_log_at_idx" ON "audit_log"("at");

-- The names of resources as the API shows them.
UPDATE "audit_log" SET "resource_type" = CASE "resource_type"
  WHEN 'api-key' THEN 'apiKey' WHEN 'smtp-settings' THEN 'smtpSettings' WHEN 'dns-settings' THEN 'dnsSettings'
  WHEN 'certificate-request' THEN 'certificateRequest' WHEN 'client-certificate' THEN 'clientCertificate' WHEN 'trusted-certificate' THEN 'trustedCertificate'
  ELSE "resource_type" END
WHERE "resource_type" LIKE '%-%';

-- The audit log is appended to and not changed, whoever asks: also the account that Mailroom itself uses. Entries may be deleted by purge_audit_log alone,
-- and only when they are older than 30 days; the database itself puts on record that they were.
CREATE FUNCTION "audit_log_is_append_only"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    IF current_setting('mailroom.purges_audit_log', true) = 'yes' AND OLD."at" < now() - interval '30 days' THEN
      RETURN OLD;
    END IF;
  END IF;
  RAISE EXCEPTION 'the audit log is append-only' USING ERRCODE = 'insufficient_privilege';
END
$$;

CREATE FUNCTION "audit_log_purge_is_recorded"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO "audit_log" ("id", "actor", "action", "resource_type", "resource_id", "old_value")
  SELECT "uuid_v7"(), 'Mailroom', 'delete', 'auditLog', 'purge', jsonb_build_object(
    'entries', count(*),
    'from', to_char(min("at") AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
    'until', to_char(max("at") AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))
  FROM "gone" HAVING count(*) > 0;
  RETURN NULL;
END
$$;

CREATE TRIGGER "audit_log_rows" BEFORE UPDATE OR DELETE ON "audit_log" FOR EACH ROW EXECUTE FUNCTION "audit_log_is_append_only"();
CREATE TRIGGER "audit_log_table" BEFORE TRUNCATE ON "audit_log" FOR EACH STATEMENT EXECUTE FUNCTION "audit_log_is_append_only"();
CREATE TRIGGER "audit_log_purged" AFTER DELETE ON "audit_log" REFERENCING OLD TABLE AS "gone" FOR EACH STATEMENT EXECUTE FUNCTION "audit_log_purge_is_recorded"();

-- Deletes up to "most" entries that are older than "days" days, the oldest first; answers how many.
CREATE FUNCTION "purge_audit_log"("days" int, "most" int) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
  purged int;
BEGIN
  PERFORM set_config('mailroom.purges_audit_log', 'yes', true);
  DELETE FROM "audit_log" WHERE "id" IN (SELECT "id" FROM "audit_log" WHERE "at" < date_trunc('day', now(), 'UTC') - make_interval(days => "days") ORDER BY "at" LIMIT "most");
  GET DIAGNOSTICS purged = ROW_COUNT;
  PERFORM set_config('mailroom.purges_audit_log', '', true);
  RETURN purged;
END
$$;
