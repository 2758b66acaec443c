import { setTimeout as delay } from 'node:timers/promises';

const POLL_MS = 50;
const DEADLINE_MS = 20_000;

/** The HTTP API as any client uses it, with the key as bearer token. Answers `{status, body}`; rejects with the problem's detail when refused. */
export class Api {
  #url;
  #key;
  #signal;

  constructor({ url, key }, signal) {
    this.#url = url;
    this.#key = key;
    this.#signal = signal;
  }

  async send(method, path, content) {
    const response = await this.#fetch(method, path, content);
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path} was answered ${response.status}: ${detailOf(text)}`);
    return { status: response.status, body: text ? JSON.parse(text) : null };
  }

  get = async (path) => (await this.send('GET', path)).body;

  /** Reads the path again and again until `isReached` accepts the body, showing each to `watch`. Answers that body. */
  async follow(path, isReached, watch = () => {}) {
    const deadline = Date.now() + DEADLINE_MS;
    for (;;) {
      const body = await this.get(path);
      watch(body);
      if (isReached(body)) return body;
      if (Date.now() > deadline) throw new Error(`GET ${path} did not become what was expected within ${DEADLINE_MS / 1000} s; it is ${JSON.stringify(body)}`);
      await delay(POLL_MS, undefined, { signal: this.#signal });
    }
  }

  async #fetch(method, path, content) {
    const headers = { Authorization: `Bearer ${this.#key}`, ...(content && { 'Content-Type': 'application/json' }) };
    try {
      return await fetch(`${this.#url}${path}`, { method, headers, body: content && JSON.stringify(content), signal: this.#signal });
    } catch (cause) {
      throw new Error(`${method} ${path} got no answer (${cause.cause?.code ?? cause.message})`, { cause });
    }
  }
}

/** RFC 9457: `detail` is for people. */
function detailOf(text) {
  try {
    const { detail, code } = JSON.parse(text);
    return `${code}: ${detail}`;
  } catch {
    return text.slice(0, 500);
  }
}
