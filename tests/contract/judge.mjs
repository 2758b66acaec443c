// Judges an answer by the contract. JavaScript, because started processes load it as it stands (observe-process.mjs).
import { readFileSync } from 'node:fs';
import Ajv from 'ajv-draft-04';
import addFormats from 'ajv-formats';

const FILE = new URL('../../openapi/openapi.json', import.meta.url);
const BASE = '/v1';
const PROBLEM = 'application/problem+json';
/** What HTTP itself has them for, whatever is asked: no operation names them. */
const OF_HTTP = new Set([408, 417, 431]);

/**
 * @typedef {{ method: string, url: string, status: number, headers: Record<string, unknown>, body: Buffer }} Answer
 * @typedef {{ operation: string | null, code: string | null, faults: string[] }} Verdict `operation` is null for a path or method that the contract does not have
 */
export class Judge {
  /** Compiled when first needed: a test file meets few of them. */
  #validators = new Map();

  constructor(contract = JSON.parse(readFileSync(FILE, 'utf8'))) {
    this.contract = contract;
    this.ajv = new Ajv({ strict: false, allErrors: true, validateFormats: true, logger: false });
    addFormats(this.ajv);
    for (const format of ['binary', 'password', 'int32', 'int64', 'float', 'double']) this.ajv.addFormat(format, true);
    this.ajv.addSchema(contract, 'contract');
    this.routes = Object.keys(contract.paths)
      .sort((one, other) => one.split('{').length - other.split('{').length) // a path without parameters comes first
      .map((path) => ({ path, pattern: new RegExp(`^${BASE}${path.replace(/\{\w+\}/g, '[^/]+')}/?$`, 'i') }));
  }

  /** @param {Answer} answer @returns {Verdict} */
  judge(answer) {
    const faults = [];
    const found = this.#operationOf(answer);
    const code = this.#codeOf(answer);
    if (answer.method === 'OPTIONS') return { operation: null, code, faults };
    // A worker serves health and metrics, and none of the operations.
    if (found === null || code === 'ROUTE_NOT_FOUND' || OF_HTTP.has(answer.status)) this.#judgeUnknown(answer, faults);
    else this.#judgeKnown(answer, found, code, faults);
    return { operation: found?.operation.operationId ?? null, code, faults };
  }

  #operationOf({ method, url }) {
    const path = url.split('?')[0];
    const route = this.routes.find(({ pattern }) => pattern.test(path));
    const key = method === 'HEAD' ? 'get' : method.toLowerCase();
    const operation = route && this.contract.paths[route.path][key];
    return operation ? { operation, pointer: `contract#/paths/${escape(route.path)}/${key}/responses` } : null;
  }

  /** A path or a method that is not there. */
  #judgeUnknown(answer, faults) {
    if (answer.status < 400) faults.push('is answered, but not in the contract');
    else this.#judgeBody(answer, { content: { [PROBLEM]: {} } }, () => 'contract#/components/schemas/Problem', faults);
  }

  #judgeKnown(answer, { operation, pointer }, code, faults) {
    let response = operation.responses[answer.status];
    if (response === undefined) return void faults.push(`answers ${answer.status}, which is not in the contract`);
    let at = `${pointer}/${answer.status}`;
    if (response.$ref) {
      at = `contract${response.$ref}`;
      response = this.contract.components.responses[response.$ref.split('/').pop()];
    }
    this.#judgeHeaders(answer, response, faults);
    this.#judgeCode(response, code, faults);
    this.#judgeBody(answer, response, (mediaType) => `${at}/content/${escape(mediaType)}/schema`, faults);
  }

  #judgeHeaders({ headers }, response, faults) {
    for (const [name, header] of Object.entries(response.headers ?? {})) {
      const { required } = header.$ref ? this.contract.components.headers[header.$ref.split('/').pop()] : header;
      if (required && headers[name.toLowerCase()] === undefined) faults.push(`lacks the header ${name}`);
    }
  }

  /** Each code that an operation may answer has an example of that name. */
  #judgeCode(response, code, faults) {
    const examples = response.content?.[PROBLEM]?.examples;
    if (code !== null && examples && !(code in examples)) faults.push(`answers the code ${code}, which is not in the contract`);
  }

  #judgeBody({ method, status, headers, body }, response, pointerOf, faults) {
    if (method === 'HEAD' || status === 304) return body.length > 0 && void faults.push('has a body');
    if (response.content === undefined) return body.length > 0 && void faults.push('has a body, but none in the contract');
    const mediaType = String(headers['content-type'] ?? '').split(';')[0].trim();
    if (!(mediaType in response.content)) return void faults.push(`is of type "${mediaType}", not ${Object.keys(response.content).join(', ')}`);
    if (!/json$/.test(mediaType)) return;
    const validate = this.#validator(pointerOf(mediaType));
    if (!validate(parsed(body))) faults.push(...validate.errors.slice(0, 5).map(({ instancePath, message, params }) => `${instancePath || '/'} ${message} ${JSON.stringify(params)}`));
  }

  #validator(pointer) {
    if (!this.#validators.has(pointer)) this.#validators.set(pointer, this.ajv.compile({ $ref: encodeURI(pointer) }));
    return this.#validators.get(pointer);
  }

  #codeOf({ headers, body, method }) {
    if (method === 'HEAD' || !String(headers['content-type'] ?? '').startsWith(PROBLEM)) return null;
    return parsed(body)?.code ?? null;
  }
}

function parsed(body) {
  try {
    return JSON.parse(body.toString());
  } catch {
    return undefined;
  }
}

const escape = (name) => name.replace(/~/g, '~0').replace(/\//g, '~1');
