import { execFileSync } from 'node:child_process';
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
  return missing === undefined ? null : `skipped, no ${missing} (${PACKAGES[missing]}) on PATH`;
}

export interface ToolFolder {
  path(name: string): string;
  /** What the program wrote to its standard output. Arguments may name files of the folder. */
  run(program: CertificateTool, args: readonly string[], input?: Buffer | string): Buffer;
  remove(): void;
}

/** A temporary folder to run these programs in. Passphrases are UTF-8 on a command line only where the locale says so. */
export function toolFolder(): ToolFolder {
  const folder = mkdtempSync(join(tmpdir(), 'mailroom-certificates-'));
  return {
    path: (name) => join(folder, name),
    run: (program, args, input = '') =>
      execFileSync(systemProgram(program)!, args, { cwd: folder, input, stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, LC_ALL: 'C.UTF-8', HOME: folder } }),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
