// Mailroom as an operator runs it: its processes, and its API.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { end, freePort, HOST, until } from './processes.mjs';

export const KEY = 'benchmark-administrator-key';
const MAIN = path.join(import.meta.dirname, '../../dist/main.js');
const SECRET_KEY = 'YmVuY2htYXJrLXNlY3JldC1rZXktMzItYnl0ZXMhIQ==';

/** @param role as MAILROOM_ROLE */
export async function startMailroom({ databaseUrl, redisUrl, role = 'all', execArgv = [] }) {
  const [port, folder] = [await freePort(), mkdtempSync(path.join(tmpdir(), 'mailroom-bench-'))];
  const env = {
    PATH: process.env.PATH, PORT: String(port), DATABASE_URL: databaseUrl, ...(redisUrl && { REDIS_URL: redisUrl }), MAILROOM_ROLE: role, MAILROOM_DATA_DIR: folder,
    MAILROOM_ADMIN_KEY: KEY, MAILROOM_SECRET_KEY: SECRET_KEY, MAILROOM_LOG_LEVEL: 'error',
  };
  const child = spawn(process.execPath, [...execArgv, MAIN], { env, stdio: ['ignore', 'ignore', 'inherit'] });
  const api = apiOf(port);
  await until(() => api.ready(), `Mailroom (${role}) is ready`, 60);
  return {
    pid: child.pid,
    port,
    ...api,
    end: async () => {
      await end(child);
      api.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function apiOf(port) {
  const agent = new Agent({ keepAlive: true });
  const send = (method, route, body) => new Promise((resolve, reject) => {
    const headers = { Authorization: `Bearer ${KEY}`, ...(body && { 'Content-Type': 'application/json' }) };
    const call = request({ host: HOST, port, agent, method, path: route, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk) => { text += chunk; }).on('end', () => resolve({ status: response.statusCode, text }));
    });
    call.on('error', reject).end(body && JSON.stringify(body));
  });
  const call = async (method, route, body) => {
    const { status, text } = await send(method, `/v1${route}`, body);
    if (status >= 300) throw new Error(`${method} ${route}: ${status} ${text}`);
    return text === '' ? null : JSON.parse(text);
  };
  return {
    ready: () => send('GET', '/health/ready').then(({ status }) => status === 200, () => false),
    publish: (type, properties = {}) => call('POST', '/events', { type, properties }),
    /** The relay is the sink. */
    connect: (sink, connections) => call('PUT', '/smtp-settings', { serverAddress: HOST, port: sink.port, security: 'none', senderAddress: 'mailroom@example.com', senderName: 'Mailroom', maxConnections: connections }),
    close: () => agent.destroy(),
  };
}
