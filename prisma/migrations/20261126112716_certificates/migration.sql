-- CreateTable
CREATE TABLE "certificate_requests" (
    "id" UUID NOT NULL,
    "version" INTEGER NOT NULL DEFAULT 1,
    "subject" TEXT NOT NULL,
    "dns_names" TEXT[],
    "ip_addresses" TEXT[],
    "key_type" TEXT NOT NULL,
    "pem" TEXT NOT NULL,
    "public_key_digest" BYTEA NOT NULL,
    "private_key_ciphertext" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "created_by" TEXT NOT NULL,
    "installed_at" TIMESTAMPTZ(3),

    CONSTRAINT "certificate_requests_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "client_certificates" (
    "id" UUID NOT NULL,
    "version" INTEGER NOT NULL DEFAULT 1,
    "pem" TEXT NOT NULL,
    "facts" JSONB NOT NULL,
    "chain" JSONB NOT NULL,
    "thumbprint" TEXT NOT NULL,
    "valid_to" TIMESTAMPTZ(3) NOT NULL,
    "private_key_ciphertext" TEXT NOT NULL,
    "certificate_request_id" UUID,
    "installed_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "installed_by" TEXT NOT NULL,
    "activated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "activated_by" TEXT NOT NULL,
    "replaced_at" TIMESTAMPTZ(3),
    "expiry_announced_days" INTEGER,

    CONSTRAINT "client_certificates_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "trusted_certificates" (
    "id" UUID NOT NULL,
    "version" INTEGER NOT NULL DEFAULT 1,
    "pem" TEXT NOT NULL,
    "facts" JSONB NOT NULL,
    "thumbprint" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "created_by" TEXT NOT NULL,

    CONSTRAINT "trusted_certificates_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "tls_material" (
    "id" SMALLINT NOT NULL DEFAULT 1,
    "version" INTEGER NOT NULL DEFAULT 0,
    "active_client_certificate_id" UUID,

    CONSTRAINT "tls_material_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "certificate_requests_public_key_digest_key" ON "certificate_requests"("public_key_digest");

-- CreateIndex
CREATE UNIQUE INDEX "client_certificates_thumbprint_key" ON "client_certificates"("thumbprint");

-- CreateIndex
CREATE UNIQUE INDEX "trusted_certificates_thumbprint_key" ON "trusted_certificates"("thumbprint");

-- A row that is there from the start; it can only name a certificate that is there.
ALTER TABLE "tls_material" ADD CONSTRAINT "tls_material_one_row" CHECK ("id" = 1);
ALTER TABLE "tls_material" ADD CONSTRAINT "tls_material_active_client_certificate_fkey" FOREIGN KEY ("active_client_certificate_id") REFERENCES "client_certificates" ("id");
INSERT INTO "tls_material" ("id") VALUES (1);
