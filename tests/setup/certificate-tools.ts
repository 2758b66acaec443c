import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemProgram } from './postfix.js';

/** Programs that make and read certificate files, with the Debian package that has them. */
const PACKAGES = { openssl: 'openssl', certtool: 'gnutls-bin', certutil: 'libnss3-tools', pk12util: 'libnss3-tools' };
export type CertificateTool = keyof typeof PACKAGES;

/** Why tests that need these programs are skipped, in the words of the report; null when they need not be. */
export function missingTool(...names: CertificateTool[]): string | null {
  const missing = names.find((name) => systemProgram(name) === null);
  if (missing === undefined) return null;
  return `skipped, no ${missing}${PACKAGES[missing] === missing ? '' : ` (${PACKAGES[missing]})`} on PATH`;
}

export interface ToolFolder {
  path(name: string): string;
  /** What the program wrote to its standard output; throws when it fails. Arguments may name files of the folder. */
  run(program: CertificateTool, args: readonly string[], input?: Buffer | string): Buffer;
  /** The same with its standard error: all that it said. */
  said(program: CertificateTool, args: readonly string[], input?: Buffer | string): string;
  remove(): void;
}

/** A temporary folder to run these programs in. They take a passphrase on their command line for UTF-8 only where the locale says so. */
export function toolFolder(): ToolFolder {
  const folder = mkdtempSync(join(tmpdir(), 'mailroom-certificates-'));
  const outputs: ToolOutputs = (program, args, input = '') => {
    const { status, stdout, stderr, error } = spawnSync(systemProgram(program)!, args, { cwd: folder, input, env: { ...process.env, LC_ALL: 'C.UTF-8', HOME: folder }, maxBuffer: 2 ** 25 });
    if (status === 0) return { stdout, stderr };
    throw new Error(`${program} ${args.join(' ')}: ${String(stderr)}`, { cause: error });
  };
  return {
    path: (name) => join(folder, name),
    run: (...call) => outputs(...call).stdout,
    said: (...call) => Object.values(outputs(...call)).map(String).join(''),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

type ToolOutputs = (program: CertificateTool, args: readonly string[], input?: Buffer | string) => { stdout: Buffer; stderr: Buffer };
