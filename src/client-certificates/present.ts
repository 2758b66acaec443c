import { detailsOf } from '../certificates/present.js';
import type { TrustStore } from '../pki/trust-store.js';
import type { ClientCertificate } from './client-certificates.contract.js';
import type { ClientCertificateRow } from './client-certificates.repository.js';

export function toClientCertificate(row: ClientCertificateRow, trustStore: TrustStore): ClientCertificate {
  const { id, active, pem, chain, certificateRequestId, installedBy, activatedBy } = row;
  const issuers = chain.map((one) => one.pem);
  return {
    id,
    active,
    ...detailsOf(row.facts, pem, trustStore, issuers),
    chain: chain.map(({ facts: { subject, issuer, thumbprintSha256, validTo } }) => ({ subject, issuer, thumbprintSha256, validTo })),
    pem: [pem, ...issuers].join(''),
    certificateRequestId,
    installedAt: row.installedAt.toISOString(),
    installedBy,
    activatedAt: row.activatedAt.toISOString(),
    activatedBy,
    replacedAt: row.replacedAt?.toISOString() ?? null,
  };
}

/** For the audit log: never the private key. */
export const describe = ({ facts: { subject, issuer, serialNumber, validTo }, thumbprint, active, chain, certificateRequestId }: ClientCertificateRow): object =>
  ({ subject, issuer, serialNumber, thumbprintSha256: thumbprint, validTo, active, chain: chain.map((one) => one.facts.subject), certificateRequestId });
