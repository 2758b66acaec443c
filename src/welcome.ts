import type { Config } from './config.js';
import type { Mailroom } from './start.js';

/** What the start tells people. The key is printed here alone, and never logged. */
export function welcome({ role }: Config, { url, firstKey }: Mailroom): string {
  if (url === null) return 'Mailroom is ready: a worker.';
  if (role === 'worker') return `Mailroom is ready: a worker. Health and metrics: ${url}/health/ready, ${url}/metrics`;
  return ['', 'Mailroom is ready.', '', `  Swagger UI   ${url}/docs`, ...(firstKey === null ? [] : keyLines(firstKey)), ''].join('\n');
}

const keyLines = (key: string): string[] => [`  API key      ${key}`, '               An administrator key. It is shown this once: keep it, and use it with Authorize in Swagger UI.'];
