import { onServer } from './global-setup.mjs';

export default async function tearDown() {
  const { url, template, stop } = globalThis.mailroomTestRun;
  await onServer(url, (client) => client.query(`DROP DATABASE IF EXISTS ${template} WITH (FORCE)`));
  await stop?.();
}
