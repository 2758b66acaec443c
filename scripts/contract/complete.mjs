// What every operation has in common is added here once, instead of to each controller method.
import { addExamples } from './examples.mjs';
import { addProblems, headerComponents, headersFor } from './problems.mjs';
import { completeSchemas } from './schemas.mjs';
import { DESCRIPTION, PARAMETERS, TAGS } from './texts.mjs';

const LICENSE = { name: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' };
/** What the service checks itself, with an answer of its own. */
const EVENT_TYPE_NAME = { maxLength: 100, pattern: '^[A-Za-z][A-Za-z0-9_.-]{0,99}$' };
const LIMITS = { name: EVENT_TYPE_NAME, eventType: EVENT_TYPE_NAME, 'Idempotency-Key': { minLength: 1 } };
const STREAM = 'text/event-stream';
const RESOURCE = /^application\/(problem\+)?json$/;

export function completeContract(contract) {
  contract.openapi = '3.0.3';
  contract.info = { title: 'Mailroom', version: contract.info.version, description: DESCRIPTION, license: LICENSE };
  contract.servers = [{ url: '/v1', description: 'The Mailroom that serves this page, in production or in a test.', 'x-internal': true }];
  contract.tags = TAGS.map(([name, description]) => ({ name, description }));
  contract.components.headers = headerComponents();
  const operations = operationsOf(contract);
  for (const facts of operations) completeOperation(facts);
  addProblems(contract, operations);
  completeSchemas(contract);
  addExamples(operations);
  return contract;
}

/** What the steps below ask of an operation. */
function operationsOf(contract) {
  const operations = Object.entries(contract.paths).flatMap(([path, item]) => Object.entries(item).map(([method, operation]) => ({
    path,
    method,
    operation,
    parameters: (operation.parameters ?? []).map(({ name }) => name),
    mediaTypes: Object.keys(operation.requestBody?.content ?? {}),
    isSingle: method === 'get' && /(\}|-settings)$/.test(path),
  })));
  const names = operations.map(({ operation }) => operation.operationId);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new Error(`two operations are called ${twice}`);
  return operations;
}

function completeOperation(facts) {
  const { operation, isSingle } = facts;
  delete operation.responses[204]?.content; // there is no body, whatever else the method may answer
  const roles = operation.security[0].apiKey;
  // OpenAPI 3.0 allows scopes for OAuth2 only.
  operation.security = [{ apiKey: [] }];
  operation['x-roles'] = roles;
  operation.description = `${operation.description}\n\nRoles: ${roles.join(', ')}.`;
  if (isSingle) (operation.parameters ??= []).push({ in: 'header', name: 'If-None-Match', required: false, schema: { type: 'string', maxLength: 1000 } });
  for (const parameter of operation.parameters ?? []) {
    parameter.description ??= PARAMETERS[parameter.name];
    Object.assign(parameter.schema, LIMITS[parameter.in === 'path' || parameter.in === 'header' ? parameter.name : '']);
  }
  addHeaders(facts);
  nameFiles(operation);
  if (isSingle) operation.responses[304] = { description: 'Still what If-None-Match names.', headers: headersFor(['ETag']) };
  describe(facts);
}

/** tsoa says "Ok". */
function describe({ operation: { responses }, isSingle, parameters }) {
  if (responses[200]?.description === 'Ok') responses[200].description = isSingle ? 'The resource.' : parameters.includes('cursor') ? 'One page of the list.' : 'The answer.';
}

/** What they answer is no resource that has a version. */
const WITHOUT_ETAG = new Set(['listDefaultSubscriptions', 'explainSubscription', 'previewUnsavedTemplate', 'previewEmailTemplate', 'deleteEventType', 'publishEvents', 'retryEmails', 'sendTestEmail']);

function addHeaders({ operation, method, parameters }) {
  const isResource = !(method === 'get' && parameters.includes('limit')) && !WITHOUT_ETAG.has(operation.operationId);
  const replaces = operation.responses[201] !== undefined;
  for (const [status, response] of Object.entries(operation.responses)) {
    const names = [
      ...(['200', '201', '202'].includes(status) && isResource ? ['ETag'] : []),
      ...(['201', '202'].includes(status) || (status === '200' && replaces && method === 'post') ? ['Location'] : []),
      ...(status === '202' && parameters.includes('Idempotency-Key') ? ['Idempotency-Replayed'] : []),
      ...(status === '202' && parameters.includes('Prefer') ? ['Preference-Applied', 'Vary'] : []),
    ];
    response.headers = headersFor(names, parameters.includes('dryRun') ? ['ETag'] : []);
  }
}

/**
 * tsoa describes a file's bytes as base64 text or as the resource that it is of, and does not know their headers. A file that is no resource
 * has no ETag, and neither has a stream.
 */
function nameFiles(operation) {
  for (const response of Object.values(operation.responses)) {
    const types = Object.keys(response.content ?? {});
    const files = types.filter((mediaType) => !RESOURCE.test(mediaType) && mediaType !== STREAM);
    for (const mediaType of files) response.content[mediaType] = { schema: { type: 'string', format: 'binary' } };
    if (types.includes(STREAM)) {
      response.content[STREAM] = { schema: { type: 'string' } };
      response.headers = headersFor([]);
    }
    if (files.length > 0) response.headers = types.length > files.length ? headersFor(['ETag', 'Content-Disposition'], ['ETag', 'Content-Disposition']) : headersFor(['Content-Disposition']);
  }
}
