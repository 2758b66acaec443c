/** What the audit log tells of. `emails`: a retry by filter. `auditLog`: entries that were deleted because they were older than they are kept. `secretKey`: the key that stored secrets are encrypted with. */
export type AuditedType =
  | 'account' | 'apiKey' | 'auditLog' | 'certificateRequest' | 'clientCertificate' | 'dnsSettings' | 'email' | 'emailTemplate' | 'emails' | 'eventType'
  | 'secretKey' | 'smtpSettings' | 'subscription' | 'trustedCertificate' | 'user';

export type AuditedAction = 'create' | 'update' | 'delete';
