// Kills each process at each moment of its work, on both queues, and shows that nothing is lost: some minutes. Prints a table and writes docs/faults.md.
// Ends with 1 when something was lost, came twice without reason, or got stuck. Postgres comes with the package; the rows of Redis need a redis-server
// on PATH, or REDIS_URL for those that do not kill it. With a part of a row's name only those rows are run, and the page stays as it is.
// Usage: npm run test:faults [-- 'after the final dot']
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '..');
const jest = path.join(root, 'node_modules', 'jest', 'bin', 'jest.js');

if (!existsSync(path.join(root, 'dist', 'main.js'))) {
  console.error('There is no dist/main.js: run npm run build first.');
  process.exit(1);
}

const options = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning', jest, '--runInBand', 'tests/faults/kill-matrix'];
const env = { ...process.env, MATRIX: 'all', MATRIX_ONLY: process.argv.slice(2).join(' ') };
const run = spawn(process.execPath, options, { cwd: root, env, stdio: 'inherit' });
// A Ctrl-C reaches jest as well, which ends by itself.
process.on('SIGINT', () => undefined).on('SIGTERM', () => run.kill('SIGTERM'));
run.on('close', (code) => process.exit(code ?? 1));
