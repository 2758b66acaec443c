/** What a key may do: administrators everything, auditors read everything, publishers publish events and read their outcome. */
export type Role = 'administrator' | 'auditor' | 'publisher';

/** Who makes a request, and from where; what the audit log records. */
export interface Actor {
  readonly keyId: string;
  readonly name: string;
  readonly role: Role;
  readonly remoteAddress: string | null;
  readonly requestId: string;
}
