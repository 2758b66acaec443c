// Examples come from openapi/examples.json: requests that the tests send, and what the service answered to them.
import { readFileSync } from 'node:fs';

const EXAMPLES = JSON.parse(readFileSync(new URL('../../openapi/examples.json', import.meta.url), 'utf8'));

/** Adds to each operation its examples. Those of problems come with the problems. */
export function addExamples(operations) {
  for (const { operation } of operations) {
    const { requests = {}, responses = {} } = EXAMPLES[operation.operationId] ?? {};
    for (const content of Object.values(operation.requestBody?.content ?? {})) content.examples = named(requests);
    for (const [status, byMediaType] of Object.entries(responses)) {
      for (const [mediaType, examples] of Object.entries(byMediaType)) operation.responses[status].content[mediaType].examples = named(examples);
    }
  }
}

/** Swagger UI shows the first. */
const named = (examples) => Object.fromEntries(Object.entries(examples)
  .sort(([one], [other]) => Number(other === 'default') - Number(one === 'default'))
  .map(([name, { summary, value }]) => [name, { summary: summary ?? inWords(name), value }]));

const inWords = (name) => (name === 'default' ? 'What comes back' : name.replace(/([A-Z])/g, ' $1').replace(/^./, (letter) => letter.toUpperCase()));
