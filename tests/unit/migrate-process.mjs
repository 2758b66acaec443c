// Migrates a database as a process of its own, as a start does: prints the migrations that it applied.
//   node migrate-process.mjs <database URL>
import { migrate } from '../../dist/db/migrate.js';

try {
  console.log(JSON.stringify(await migrate(process.argv[2])));
  process.exit(0); // the schema engine keeps a timer of 10 s
} catch (error) {
  console.error(error.message);
  process.exit(1);
}
