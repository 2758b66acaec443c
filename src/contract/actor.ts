/** What a key may do: administrators everything; auditors read everything, and preview templates; publishers publish events, read their outcome, and define event types of their own. */
export type Role = 'administrator' | 'auditor' | 'publisher';

/** Who makes a request, and from where; what the audit log records. */
export interface Actor {
  readonly keyId: string;
  readonly name: string;
  readonly role: Role;
  readonly remoteAddress: string | null;
  readonly requestId: string;
}
