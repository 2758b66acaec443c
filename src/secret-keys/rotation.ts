import { bindingOf as bindingOfAccount } from '../accounts/binding.js';
import { bindingOf as bindingOfPrivateKey } from '../certificates/private-key.js';
import { type KeyRing, SecretError } from '../secrets/key-ring.js';
import { bindingOf as bindingOfDestination, type Destination } from '../smtp-settings/destination.js';
import type { Sealed, SealedColumn, SealedColumnsRepository } from './sealed-columns.repository.js';

const BATCH = 200;

/** What each secret is bound to. */
const CONTEXT: Record<SealedColumn, (secret: Sealed) => string> = {
  smtpSettings: ({ row }) => bindingOfDestination(destinationOf(row)),
  accounts: ({ id, row }) => bindingOfAccount({ id, allowedServers: row['allowed_servers'] as string[] }),
  certificateRequests: ({ id }) => bindingOfPrivateKey('certificate-request', id),
  clientCertificates: ({ id }) => bindingOfPrivateKey('client-certificate', id),
  smtpTests: ({ row }) => bindingOfDestination(row['candidate'] as Destination),
};

/** For people. */
const WHAT: Record<SealedColumn, string> = {
  smtpSettings: 'secrets of the SMTP settings', accounts: 'passwords of accounts', certificateRequests: 'private keys of certificate requests',
  clientCertificates: 'private keys of client certificates', smtpTests: 'secrets of SMTP tests',
};

export interface Encrypted {
  what: string;
  encrypted: number;
  /** Secrets that no key of the ring opens; they are left as they are. */
  unreadable: number;
}

/** Encrypts anew, with the ring's first key, what was encrypted with another one. May run beside everything else, and be broken off and repeated. */
export function encryptAllAnew(columns: SealedColumnsRepository, ring: KeyRing): Promise<Encrypted[]> {
  return Promise.all((Object.keys(WHAT) as SealedColumn[]).map((name) => encryptAnew(columns, name, ring)));
}

async function encryptAnew(columns: SealedColumnsRepository, name: SealedColumn, ring: KeyRing): Promise<Encrypted> {
  const result = { what: WHAT[name], encrypted: 0, unreadable: 0 };
  for (let after: string | null = null; ; ) {
    const batch: Sealed[] = await columns.outdated(name, ring.currentId, after, BATCH);
    for (const secret of batch) {
      const context = CONTEXT[name](secret);
      const plain = openOrNull(ring, secret.ciphertext, context);
      if (plain === null) result.unreadable += 1;
      else if (await columns.replace(name, secret, ring.seal(plain, context))) result.encrypted += 1;
    }
    if (batch.length < BATCH) return result;
    after = batch.at(-1)!.id;
  }
}

function openOrNull(ring: KeyRing, ciphertext: string, context: string): string | null {
  try {
    return ring.open(ciphertext, context);
  } catch (error) {
    if (error instanceof SecretError) return null;
    throw error;
  }
}

const destinationOf = (row: Record<string, unknown>): Destination => ({
  authenticationType: row['authentication_type'] as string, serverAddress: row['server_address'] as string | null, resolveMx: row['resolve_mx'] as boolean,
  port: row['port'] as number | null, security: row['security'] as Destination['security'], accountName: row['account_name'] as string | null,
  tokenUrl: row['token_url'] as string | null, clientId: row['client_id'] as string | null,
});
