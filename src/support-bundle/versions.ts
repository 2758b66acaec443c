import { readFileSync } from 'node:fs';
import { arch, platform, release } from 'node:os';

/** Of Mailroom itself, such as `1.4.0`. */
export const MAILROOM_VERSION = (JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }).version;

/** What this process is made of and runs on. */
export const processVersions = (): Record<string, string | number> => ({
  mailroom: MAILROOM_VERSION,
  node: process.versions.node,
  openssl: process.versions.openssl,
  platform: `${platform()} ${arch()} ${release()}`,
  uptimeSeconds: Math.round(process.uptime()),
});
