import { type Database, Prisma } from '../db/client.js';

/** Where stored secrets are: over the tables of all features. */
export const SEALED_COLUMNS = {
  smtpSettings: { table: 'smtp_settings', column: 'password_ciphertext' },
  accounts: { table: 'accounts', column: 'password_ciphertext' },
  certificateRequests: { table: 'certificate_requests', column: 'private_key_ciphertext' },
  clientCertificates: { table: 'client_certificates', column: 'private_key_ciphertext' },
  smtpTests: { table: 'smtp_tests', column: 'secret_ciphertext' },
} as const;

export type SealedColumn = keyof typeof SEALED_COLUMNS;

export interface Sealed {
  id: string;
  ciphertext: string;
  /** The whole row, by the names of its columns. */
  row: Record<string, unknown>;
}

export class SealedColumnsRepository {
  constructor(private readonly db: Database) {}

  /** Up to `limit` secrets that were not encrypted with the key `keyId`, in the order of their ids. */
  outdated(name: SealedColumn, keyId: string, after: string | null, limit: number): Promise<Sealed[]> {
    const { table, column } = identifiers(name);
    return this.db.prisma.$queryRaw<Sealed[]>`
      SELECT id::text AS id, ${column} AS ciphertext, to_jsonb(t) AS row FROM ${table} t
      WHERE ${column} IS NOT NULL AND NOT starts_with(${column}, ${`v1.${keyId}.`}) AND (${after}::text IS NULL OR id::text > ${after}) ORDER BY id::text LIMIT ${limit}`;
  }

  /** False when the secret has changed meanwhile; it is left alone then. */
  async replace(name: SealedColumn, { id, ciphertext }: Sealed, next: string): Promise<boolean> {
    const { table, column } = identifiers(name);
    return (await this.db.prisma.$executeRaw`UPDATE ${table} SET ${column} = ${next} WHERE id::text = ${id} AND ${column} = ${ciphertext}`) > 0;
  }
}

function identifiers(name: SealedColumn): { table: Prisma.Sql; column: Prisma.Sql } {
  const { table, column } = SEALED_COLUMNS[name];
  return { table: Prisma.raw(table), column: Prisma.raw(column) };
}
