import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import * as tls from 'node:tls';
import { domainToASCII } from 'node:url';
import { certificateFaults } from './certificate-faults.js';
import type { RelayEndpoint, TlsMaterial } from './endpoint.js';
import { certificateFacts, peerChain, type TlsFacts } from './tls-facts.js';
import { WireError, type Wire } from './wire.js';

/** The PEM texts for TLS cannot be used. */
export class TlsMaterialError extends Error {
  constructor(readonly part: 'clientCertificate' | 'trustedCertificates', options: ErrorOptions) {
    super(part === 'clientCertificate' ? 'The client certificate or its key cannot be used.' : 'A trusted certificate cannot be read.', options);
    this.name = 'TlsMaterialError';
  }
}

/** The handshake failed; `sawServerCertificate` tells how far it had come. */
export class HandshakeError extends WireError {
  constructor(error: WireError, readonly sawServerCertificate: boolean) {
    super(error.fault, error.message, { cause: error.cause });
  }
}

/** One context for each object of material: building it is dearer than a session on a near server. */
const contexts = new WeakMap<TlsMaterial, tls.SecureContext>();

/**
 * Turns the wire into TLS 1.2 or better and tells what was agreed. Faults of the certificate are told in the facts and not thrown, since
 * whether they end the dialogue is the caller's choice; nothing was sent over TLS yet. Throws HandshakeError and TlsMaterialError.
 */
export async function secureWire(wire: Wire, endpoint: RelayEndpoint): Promise<TlsFacts> {
  const host = serverName(endpoint.host);
  const socket = tls.connect({
    socket: wire.socket,
    secureContext: contextOf(endpoint.tls),
    ...(isIP(host) === 0 && { servername: host }), // RFC 6066 §3: no IP addresses in SNI
    rejectUnauthorized: false, // judged in certificateFaults, which sees the chain and not one error only
    checkServerIdentity: () => undefined,
  });
  await handshake(wire, socket, endpoint.timeouts.commandMs);
  return facts(socket, host);
}

async function handshake(wire: Wire, socket: tls.TLSSocket, timeoutMs: number): Promise<void> {
  let sawServerCertificate = false;
  // Before the wire's own listener, which destroys the socket and its knowledge.
  socket.prependOnceListener('error', () => { sawServerCertificate = socket.getPeerCertificate()?.raw !== undefined; });
  wire.replaceSocket(socket);
  try {
    await wire.wait<void>(timeoutMs, (resolve) => socket.once('secureConnect', resolve));
  } catch (error) {
    throw error instanceof WireError ? new HandshakeError(error, sawServerCertificate) : error;
  }
}

function facts(socket: tls.TLSSocket, host: string): TlsFacts {
  const chain = peerChain(socket);
  const faults = certificateFaults(socket, chain, host);
  return {
    protocol: socket.getProtocol() ?? 'unknown',
    cipher: socket.getCipher().standardName ?? socket.getCipher().name,
    trusted: faults.length === 0,
    faults,
    chain: chain.map(certificateFacts),
  };
}

/** As it stands in certificates and SNI: A-labels, without brackets and without a final dot. */
function serverName(host: string): string {
  const bare = host.replace(/^\[(.*)\]$/, '$1').replace(/\.$/, '');
  return isIP(bare) ? bare : domainToASCII(bare) || bare;
}

function contextOf(material: TlsMaterial): tls.SecureContext {
  const known = contexts.get(material);
  if (known) return known;
  const context = createContext(material);
  contexts.set(material, context);
  return context;
}

function createContext({ clientCertificate, trustedCertificates }: TlsMaterial): tls.SecureContext {
  const context = attempt('clientCertificate', () => tls.createSecureContext({
    minVersion: 'TLSv1.2',
    // A trusted intermediate is enough: whoever adds it means it, also when its root is not at hand.
    allowPartialTrustChain: trustedCertificates.length > 0,
    ...clientCertificate,
  }));
  const native = context.context as { addCACert(pem: string): void };
  // The `ca` option would replace Node's own roots, and parsing them anew for each context takes 30 times as long as adding to them.
  attempt('trustedCertificates', () => trustedCertificates.flatMap(splitPem).forEach((pem) => {
    native.addCACert(new X509Certificate(pem).toString()); // addCACert itself takes junk in silence
  }));
  return context;
}

const splitPem = (text: string): string[] => text.match(/-----BEGIN [^-]+-----[^-]+-----END [^-]+-----/g) ?? [text];

function attempt<T>(part: TlsMaterialError['part'], make: () => T): T {
  try {
    return make();
  } catch (cause) {
    throw new TlsMaterialError(part, { cause });
  }
}
