// Compiles src/ into a new folder that then takes the place of dist/: nothing of a deleted file stays, and a build that fails changes nothing.
import { renameSync, rmSync } from 'node:fs';
import { spawnSync } from 'node:child_process';

const [fresh, old] = ['.dist-new', '.dist-old'];
rmSync(fresh, { recursive: true, force: true });
const { status } = spawnSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.json', '--outDir', fresh], { stdio: 'inherit' });
if (status !== 0) process.exit(status ?? 1);
rmSync(old, { recursive: true, force: true });
try {
  renameSync('dist', old);
} catch (error) {
  if (error.code !== 'ENOENT') throw error;
}
renameSync(fresh, 'dist');
rmSync(old, { recursive: true, force: true });
