import type { RelayEndpoint, TlsMaterial } from '../../src/smtp/endpoint.js';

export type EndpointOverrides = Partial<RelayEndpoint & TlsMaterial>;

/** An endpoint for a server of the tests, without TLS and credentials, with short timeouts. */
export function buildEndpoint(server: { port: number; host: string }, { trustedCertificates = [], clientCertificate = null, ...overrides }: EndpointOverrides = {}): RelayEndpoint {
  return {
    address: server.host,
    port: server.port,
    host: 'mx.example.test',
    security: 'none',
    verifyCertificate: true,
    clientHostname: 'client.example.test',
    credentials: { type: 'none' },
    tls: { trustedCertificates, clientCertificate },
    timeouts: { connectMs: 5_000, greetingMs: 5_000, commandMs: 5_000, dataMs: 5_000 },
    ...overrides,
  };
}

/** What a promise was rejected with; fails when it was not. */
export async function rejectionOf<T extends Error>(promise: Promise<unknown>, type: new (...args: never[]) => T): Promise<T> {
  const outcome = await promise.then(() => 'no rejection', (error: unknown) => error);
  if (outcome instanceof type) return outcome;
  throw new Error(`Expected a ${type.name}`, { cause: outcome });
}
