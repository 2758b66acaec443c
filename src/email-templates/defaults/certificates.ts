import type { Draft, Drafts } from '../draft.js';
import type { FactName } from '../facts.js';
import { about, HAS_EXPIRED, IN_DAYS, ON_DATE } from './phrases.js';

const CERTIFICATE_FACTS: FactName[] = ['CertificateSubject', 'CertificateThumbprint', 'ExpirationDate', 'DaysRemaining', 'ErrorMessage'];

const onCertificate = (draft: Draft): Draft => ({ subject: about('CertificateSubject'), facts: CERTIFICATE_FACTS, ...draft });

const UNEXPECTED = 'If this was not planned, find out who did it and put the former certificate back.';
const UPLOAD_AGAIN = 'Check that the file is whole, in a format that is accepted, and complete with key and chain where needed, then upload it again.';

/** Certificates that end, change or are refused. */
export const certificates: Drafts = {
  CertificateExpiring: onCertificate({
    subject: '{% if CertificateSubject %}: {{ CertificateSubject }}{% endif %}'
      + '{% if DaysRemaining == 0 %} (expired){% elsif DaysRemaining %} ({{ DaysRemaining }} day{% unless DaysRemaining == 1 %}s{% endunless %} left){% endif %}',
    heading: 'The client certificate for the mail server needs renewal',
    lead: `The client certificate that signs in to the mail server {% if DaysRemaining == 0 %}${HAS_EXPIRED}{% else %}expires ${IN_DAYS}${ON_DATE}{% endif %}.`,
    meaning: 'Once it has expired the mail server is likely to refuse it, and no notification is delivered.',
    next: 'Create a certificate request, have it signed by your certificate authority, and install the new certificate: it is active at once.',
  }),
  AdministeredCertificateExpirationWarning: onCertificate({
    heading: 'An administered certificate expires soon',
    lead: `The certificate{% if ObjectName %} {{ ObjectName }}{% endif %} expires ${IN_DAYS}${ON_DATE}.`,
    meaning: 'Services that use it are refused from then on.',
    next: 'Renew the certificate and install it wherever it is used.',
    facts: ['ObjectName', ...CERTIFICATE_FACTS],
  }),
  SslCertificateUpdated: onCertificate({
    heading: 'The TLS certificate was changed',
    lead: 'The appliance now presents another TLS certificate to those who connect to it.',
    next: UNEXPECTED,
  }),
  ServerCertificateAdded: onCertificate({
    heading: 'A server certificate was added',
    lead: 'A server certificate was added to the appliance.',
    meaning: 'It takes effect when it is assigned.',
  }),
  ServerCertificateRemoved: onCertificate({
    heading: 'A server certificate was removed',
    lead: 'A server certificate was removed from the appliance.',
    next: UNEXPECTED,
  }),
  TrustedCertificateAdded: onCertificate({
    heading: 'A trusted certificate was added',
    lead: 'A certificate was added to those that the appliance trusts.',
    meaning: 'Every server whose certificate it has signed is trusted from now on.',
    next: 'Make sure that the certificate belongs to a certificate authority of yours. If not, remove it.',
  }),
  TrustedCertificateRemoved: onCertificate({
    heading: 'A trusted certificate was removed',
    lead: 'The appliance no longer trusts a certificate that it trusted before.',
    meaning: 'Connections to servers whose certificate it has signed will fail.',
    next: UNEXPECTED,
  }),
  AuditLogSigningCertificateUpdated: onCertificate({
    heading: 'The audit log is signed by another certificate',
    lead: 'The certificate that signs the audit log was replaced.',
    meaning: 'Archived logs from before are still checked with the former certificate, so keep it.',
    next: UNEXPECTED,
  }),
  EmailClientAuthenticationCertificateUpdated: onCertificate({
    heading: 'The mail client certificate was replaced',
    lead: 'Another client certificate is now used to sign in to the mail server.',
    next: 'Send a test e-mail to make sure that the mail server accepts it.',
  }),
  ServerCertificateUploadFailed: onCertificate({
    heading: 'A server certificate was not accepted',
    lead: 'The upload of a server certificate failed, and the former one stays in use.',
    next: UPLOAD_AGAIN,
  }),
  TrustedCertificateUploadFailed: onCertificate({
    heading: 'A trusted certificate was not accepted',
    lead: 'The upload of a trusted certificate failed, and it is not trusted.',
    next: UPLOAD_AGAIN,
  }),
  AuditLogSigningCertificateUploadFailed: onCertificate({
    heading: 'A signing certificate was not accepted',
    lead: 'The upload of the certificate that signs the audit log failed, and the former one stays in use.',
    next: UPLOAD_AGAIN,
  }),
};
