import { randomUUID } from 'node:crypto';
import { chown, mkdir, open, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { StartError } from '../errors.js';
import type { Binaries } from './binaries.js';
import { usefulLine, type LogFile } from './log-file.js';
import { newPassword, readPassword, writePassword } from './password.js';
import type { Place } from './place.js';
import { run } from './run.js';
import { DATABASE, INITDB_OPTIONS, ROLE } from './settings.js';

/**
 * Makes the database when it is missing. No server may be running on it.
 * @returns the password of the role.
 * @throws StartError when it is of another major version, is no database, or cannot be made.
 */
export async function provideCluster(place: Place, binaries: Binaries, log: LogFile): Promise<string> {
  await removeHalfMade(place);
  return (await holdsCluster(place, binaries)) ? knownPassword(place, binaries, log) : makeCluster(place, binaries, log);
}

async function holdsCluster({ cluster }: Place, { major }: Binaries): Promise<boolean> {
  const entries = await readdir(cluster).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw new StartError(`The database folder ${cluster} cannot be read (${error.code}).`, { cause: error });
  });
  if (entries.length === 0) return false;
  const version = (await readFile(path.join(cluster, 'PG_VERSION'), 'utf8').catch(() => '')).trim();
  if (version === String(major)) return true;
  if (version === '') throw new StartError(`The folder ${cluster} is not empty and holds no Postgres database; move it away.`);
  throw new StartError(`The database in ${cluster} was made by Postgres ${version} and this Mailroom brings Postgres ${major}; dump it with the former and load it into a new one, or set DATABASE_URL.`);
}

/** Made aside and renamed when it is complete and on the disk, with role and database: a killed first start leaves no half database. */
async function makeCluster(place: Place, binaries: Binaries, log: LogFile): Promise<string> {
  const password = (await readPassword(place.dataFolder)) ?? newPassword();
  await writePassword(place.dataFolder, password);
  const aside = await makeFolder(place);
  const data = path.join(aside, 'data');
  try {
    await succeed(run(binaries.initdb, ['-D', data, '-U', 'postgres', '--pwfile', path.join(aside, 'pw'), ...INITDB_OPTIONS], place), 'made', place, log);
    await runSql(place, binaries, log, data, [
      `CREATE ROLE ${ROLE} LOGIN CREATEDB PASSWORD '${password}'`,
      `CREATE DATABASE ${DATABASE} OWNER ${ROLE}`,
    ]);
    await rename(data, place.cluster);
    await flushFolder(path.dirname(place.cluster));
  } finally {
    await rm(aside, { recursive: true, force: true, maxRetries: 10 });
  }
  return password;
}

/** With a password for the superuser that nobody keeps: without one initdb refuses password authentication. */
async function makeFolder({ cluster, account }: Place): Promise<string> {
  const aside = `${cluster}.init-${randomUUID().slice(0, 8)}`;
  await mkdir(aside, { mode: 0o700 });
  await writeFile(path.join(aside, 'pw'), newPassword(), { mode: 0o600 });
  if (account) {
    await chown(path.join(aside, 'pw'), account.uid, account.gid);
    await chown(aside, account.uid, account.gid);
  }
  return aside;
}

/** A lost password file costs no data: whoever may run Postgres on the folder may give the role a new one. */
async function knownPassword(place: Place, binaries: Binaries, log: LogFile): Promise<string> {
  const known = await readPassword(place.dataFolder);
  if (known) return known;
  const password = newPassword();
  await runSql(place, binaries, log, place.cluster, [`ALTER ROLE ${ROLE} PASSWORD '${password}'`]);
  await writePassword(place.dataFolder, password);
  return password;
}

/** Single-user mode: no server, no port, no password. It reads one statement a line. */
async function runSql(place: Place, { postgres }: Binaries, log: LogFile, data: string, statements: string[]): Promise<void> {
  const input = statements.map((statement) => `${statement};\n`).join('');
  await succeed(run(postgres, ['--single', '-D', data, '-c', 'exit_on_error=on', '-c', 'log_min_error_statement=panic', 'postgres'],
    { account: place.account, input }), 'prepared', place, log);
}

async function succeed(running: ReturnType<typeof run>, what: string, { cluster }: Place, log: LogFile): Promise<void> {
  const { code, output } = await running;
  await log.append(output);
  if (code !== 0) throw new StartError(`The database in ${cluster} could not be ${what}: ${usefulLine(output)} (log: ${log.path})`);
}

/** What a start that was killed in initdb left. initdb itself may still be ending, hence the retries. */
async function removeHalfMade({ cluster }: Place): Promise<void> {
  const folder = path.dirname(cluster);
  const halves = (await readdir(folder)).filter((name) => name.startsWith(`${path.basename(cluster)}.init-`));
  for (const name of halves) await rm(path.join(folder, name), { recursive: true, force: true, maxRetries: 10 });
}

async function flushFolder(folder: string): Promise<void> {
  const handle = await open(folder);
  await handle.sync().finally(() => handle.close());
}
