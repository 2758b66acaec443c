// Writes prisma/migrations/<time>_<name>/migration.sql: the difference between the committed migrations and prisma/schema.prisma.
// Usage: DATABASE_URL=postgres://… (a server on which a scratch database may be made) node scripts/make-migration.mjs <name>
// Read the file before you commit it: partial indexes and functions are written by hand.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { committedMigrations, migrationList } from '../dist/db/migrate.js';
import { withSchemaEngine } from '../dist/db/schema-engine.js';

const [name] = process.argv.slice(2);
if (!/^[a-z][a-z0-9_]*$/.test(name ?? '') || !process.env.DATABASE_URL) {
  console.error('usage: DATABASE_URL=… node scripts/make-migration.mjs <name_in_snake_case>');
  process.exit(1);
}
const committed = await committedMigrations();
const from = committed.length ? { tag: 'migrations', ...migrationList(committed) } : { tag: 'empty' };
const to = { tag: 'schemaDatamodel', files: [{ path: 'schema.prisma', content: readFileSync('prisma/schema.prisma', 'utf8') }], configDir: '.' };
const question = { from, to, script: true, exitCode: null, shadowDatabaseUrl: null, filters: { externalTables: [], externalEnums: [] } };
const { stdout } = await withSchemaEngine(process.env.DATABASE_URL, (engine) => engine.diff(question));
const stamp = new Date().toISOString().replace(/\D/g, '').slice(0, 14);
mkdirSync(`prisma/migrations/${stamp}_${name}`, { recursive: true });
writeFileSync(`prisma/migrations/${stamp}_${name}/migration.sql`, stdout);
console.log(`prisma/migrations/${stamp}_${name}/migration.sql`);
