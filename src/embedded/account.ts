import { lchown, lstat, readFile } from 'node:fs/promises';
import { StartError } from '../errors.js';
import { run, type Account } from './run.js';

/** Accounts made for this, before the one that every system has. */
const PREFERRED = ['mailroom', 'postgres', '_postgres', 'nobody'];

export const runsAsRoot = (): boolean => process.getuid?.() === 0;

/**
 * The account for a new database in that data folder: the folder's own owner when it is not root (so that they can go on without root later),
 * else the first existing one of PREFERRED. initdb needs its entry in /etc/passwd.
 */
export async function chooseAccount(dataFolder: string): Promise<Account> {
  const entries = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'));
  const owner = (await lstat(dataFolder)).uid;
  const wanted = [entries.find((entry) => owner !== 0 && Number(entry[2]) === owner), ...PREFERRED.map((name) => entries.find((entry) => entry[0] === name))];
  const found = wanted.find((entry) => entry !== undefined);
  if (!found) throw new StartError(`Postgres does not run as root and none of the accounts ${PREFERRED.join(', ')} exists; start Mailroom as another user, or set DATABASE_URL.`);
  // macOS writes its `nobody` as -2.
  return { uid: Number(found[2]) >>> 0, gid: Number(found[3]) >>> 0 };
}

/** The account that owns an existing database. */
export async function ownerOf(folder: string): Promise<Account> {
  const { uid, gid } = await lstat(folder);
  if (uid === 0) throw new StartError(`The database folder ${folder} belongs to root, and Postgres does not run as root; give it back to its account with chown -R.`);
  return { uid, gid };
}

/** A file that root made in a data folder of another owner becomes the owner's, so that they can go on without root later. */
export async function giveToOwner(file: string, dataFolder: string): Promise<void> {
  const { uid, gid } = await lstat(dataFolder);
  if (runsAsRoot() && uid !== 0) await lchown(file, uid, gid);
}

/** Whether the account may enter the folder: asked of the system itself, because parent folders and ACLs decide too. */
export async function canReach(folder: string, account: Account): Promise<boolean> {
  return (await run('/bin/sh', ['-c', 'cd -- "$1"', 'sh', folder], { account })).code === 0;
}
