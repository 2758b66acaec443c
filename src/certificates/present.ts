import { X509Certificate } from 'node:crypto';
import { etagOf, livingEtag } from '../contract/etag.js';
import type { CertificateFacts } from '../pki/certificate-facts.js';
import type { TrustStore } from '../pki/trust-store.js';
import type { CertificateDetails } from './certificates.contract.js';

const DAY_MS = 86_400_000;
const MAX_PURPOSES = 100;

/**
 * A certificate as the API shows it.
 * @param others in PEM, that may stand between it and a trusted one
 */
export function detailsOf(facts: CertificateFacts, pem: string, trustStore: TrustStore, others: readonly string[] = []): CertificateDetails {
  const { subject, issuer, serialNumber, thumbprintSha256, thumbprintSha1, validFrom, validTo, keyType, subjectAltNames, keyUsage, extendedKeyUsage } = facts;
  return {
    subject,
    issuer,
    serialNumber,
    thumbprintSha256,
    thumbprintSha1,
    validFrom,
    validTo,
    daysLeft: daysUntil(validTo),
    keyType,
    subjectAltNames,
    keyUsage,
    extendedKeyUsage: extendedKeyUsage.slice(0, MAX_PURPOSES),
    chainsToTrustedRoot: trustStore.leadsToTrusted(new X509Certificate(pem), others.map((other) => new X509Certificate(other))),
  };
}

/** Days pass, and trust in others changes, without a write of the certificate. */
export const etagOfCertificate = ({ certificate, version }: { certificate: CertificateDetails; version: number }): string => livingEtag(etagOf(version), certificate);

/** Rounded up. */
export const daysUntil = (moment: string, now = Date.now()): number => Math.ceil((Date.parse(moment) - now) / DAY_MS) || 0; // no -0
