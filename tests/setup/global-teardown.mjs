import { onServer } from './global-setup.mjs';

export default async function tearDown() {
  const { url, template, stop } = globalThis.mailroomTestRun;
  // Without FORCE, which is refused while an autovacuum works there; nobody else is connected to it.
  await onServer(url, (client) => client.query(`DROP DATABASE IF EXISTS ${template}`));
  await stop?.();
}
