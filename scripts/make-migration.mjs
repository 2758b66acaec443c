// Writes prisma/migrations/<time>_<name>/migration.sql: the difference between prisma/schema.prisma as committed and as it is now.
// Usage: DATABASE_URL=postgres://… node scripts/make-migration.mjs <name>   (any Postgres: the engine asks it for its version only)
// Read the file before you commit it: partial indexes, functions and first rows are written by hand.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { withSchemaEngine } from './schema-engine.mjs';

const [name] = process.argv.slice(2);
if (!/^[a-z][a-z0-9_]*$/.test(name ?? '') || !process.env.DATABASE_URL) {
  console.error('usage: DATABASE_URL=… node scripts/make-migration.mjs <name_in_snake_case>');
  process.exit(1);
}
const schema = (content) => ({ tag: 'schemaDatamodel', files: [{ path: 'schema.prisma', content }], configDir: '.' });
const question = {
  from: schema(execFileSync('git', ['show', 'HEAD:prisma/schema.prisma'], { encoding: 'utf8' })),
  to: schema(readFileSync('prisma/schema.prisma', 'utf8')),
  script: true,
  exitCode: null,
  shadowDatabaseUrl: null,
  filters: { externalTables: [], externalEnums: [] },
};
const { stdout } = await withSchemaEngine(process.env.DATABASE_URL, (engine) => engine.diff(question));
const folder = `prisma/migrations/${new Date().toISOString().replace(/\D/g, '').slice(0, 14)}_${name}`;
mkdirSync(folder, { recursive: true });
writeFileSync(`${folder}/migration.sql`, stdout);
console.log(`${folder}/migration.sql`);
