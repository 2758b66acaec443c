import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** CHROMIUM, or `chromium` on the PATH; null: there is none. */
export function chromiumProgram(): string | null {
  const candidates = process.env['CHROMIUM'] === undefined ? (process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, 'chromium')) : [process.env['CHROMIUM']];
  return candidates.find((file) => existsSync(file)) ?? null;
}

export const NO_CHROMIUM = 'there is no chromium on the PATH';
