// Generates the routes and openapi/openapi.json from the controllers, and completes what tsoa cannot say.
import { readFileSync, writeFileSync } from 'node:fs';
import { generateSpecAndRoutes } from 'tsoa';
import { completeContract } from './contract/complete.mjs';

const configuration = JSON.parse(readFileSync('tsoa.json', 'utf8'));
const file = `${configuration.spec.outputDirectory}/${configuration.spec.specFileBaseName}.json`;
const { version, description } = JSON.parse(readFileSync('package.json', 'utf8'));
Object.assign(configuration.spec, { name: 'Mailroom', version, description });
const committed = (() => {
  try { return readFileSync(file, 'utf8'); } catch { return ''; }
})();
await generateSpecAndRoutes({ configuration });
const contract = `${JSON.stringify(completeContract(JSON.parse(readFileSync(file, 'utf8'))), null, 2)}\n`;
writeFileSync(file, contract);

if (process.argv.includes('--check') && contract !== committed) {
  console.error(`${file} is not what the code generates: run "npm run generate" and commit it.`);
  process.exit(1);
}
