import { createHash } from 'node:crypto';
import type { Account } from './accounts.contract.js';
import type { AccountRow } from './accounts.repository.js';

/** The account as the API shows it: never its password. */
export function toAccount(row: AccountRow): Account {
  const { id, accountName, allowedServers, updatedBy } = row;
  const times = { createdAt: row.createdAt.toISOString(), updatedAt: row.updatedAt.toISOString() };
  const base = { id, accountName, hasPassword: row.passwordCiphertext !== null, allowedServers, ...times, updatedBy };
  return row.kind === 'directory' ? { kind: 'directory', domainName: row.domainName!, ...base } : { kind: 'asset', assetName: row.assetName!, ...base };
}

/** For the audit log. That a password was replaced is seen by its mark, which tells nothing about it: each encryption is another. */
export function describe(row: AccountRow): Record<string, string | string[] | null> {
  const { kind, accountName, allowedServers, passwordCiphertext } = row;
  const place: Record<string, string | null> = kind === 'directory' ? { domainName: row.domainName } : { assetName: row.assetName };
  const password = passwordCiphertext === null ? null : `[redacted ${createHash('sha256').update(passwordCiphertext).digest('hex').slice(0, 8)}]`;
  return { kind, ...place, accountName, password, allowedServers };
}
