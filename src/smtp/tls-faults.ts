import type { Fault } from './connection-faults.js';
import { describeRelay, type RelayEndpoint } from './endpoint.js';

/** OpenSSL's names (Node's ERR_SSL_ codes without that prefix) of an alert by which the server turned our certificate down. */
const CERTIFICATE_ALERTS = new Set([
  'TLSV1_ALERT_UNKNOWN_CA', 'SSLV3_ALERT_BAD_CERTIFICATE', 'SSLV3_ALERT_CERTIFICATE_EXPIRED', 'SSLV3_ALERT_CERTIFICATE_REVOKED',
  'SSLV3_ALERT_CERTIFICATE_UNKNOWN',
  'SSLV3_ALERT_UNSUPPORTED_CERTIFICATE', 'TLSV1_ALERT_ACCESS_DENIED', 'TLSV1_ALERT_DECRYPT_ERROR',
]);
const VERSION_FAULTS = new Set(['TLSV1_ALERT_PROTOCOL_VERSION', 'UNSUPPORTED_PROTOCOL', 'NO_PROTOCOLS_AVAILABLE', 'VERSION_TOO_LOW']);
const NOT_TLS = new Set(['WRONG_VERSION_NUMBER', 'PACKET_LENGTH_TOO_LONG', 'HTTP_REQUEST', 'BAD_RECORD_TYPE', 'UNEXPECTED_MESSAGE', 'RECORD_TOO_SMALL']);
const WEAK = new Set(['EE_KEY_TOO_SMALL', 'CA_KEY_TOO_SMALL', 'CA_MD_TOO_WEAK', 'DH_KEY_TOO_SMALL']);

/**
 * The fault behind an error of TLS, or null when the error is of another kind. In TLS 1.3 a server judges the client's certificate after
 * the client's side of the handshake is over, so its alert may arrive at a later stage; it is still a fault of TLS (RFC 8446 §4.4.2.4).
 */
export function tlsFault(cause: unknown, endpoint: RelayEndpoint, sawServerCertificate: boolean): Fault | null {
  const code = (cause as NodeJS.ErrnoException | undefined)?.code ?? '';
  if (!code.startsWith('ERR_SSL_') && code !== 'EPROTO') return null;
  const name = code.replace('ERR_SSL_', '');
  const relay = describeRelay(endpoint);
  if (VERSION_FAULTS.has(name)) return version(relay);
  if (NOT_TLS.has(name)) return notTls(relay, endpoint);
  if (WEAK.has(name)) return weak(relay, name);
  if (name === 'TLSV13_ALERT_CERTIFICATE_REQUIRED') return certificateRequired(relay);
  // TLS 1.2 has no alert of its own for a missing client certificate; after the server's certificate it can hardly mean anything else.
  const aboutOurs = CERTIFICATE_ALERTS.has(name) || (name === 'SSLV3_ALERT_HANDSHAKE_FAILURE' && sawServerCertificate);
  if (aboutOurs) return endpoint.tls.clientCertificate ? certificateRejected(relay, name) : certificateRequired(relay);
  return failed(relay, name);
}

/** A handshake that ended without a word of TLS. */
export const handshakeBrokenOff = (endpoint: RelayEndpoint): Fault => ({
  code: 'TLS_FAILED',
  message: `${describeRelay(endpoint)} closed the connection during the TLS handshake.`,
  hint: endpoint.tls.clientCertificate
    ? 'Look into the log of the server: it may not accept the client certificate, or has no certificate of its own.'
    : 'The server may demand a client certificate, or has no usable certificate of its own. Look into its log.',
});

const version = (relay: string): Fault => ({
  code: 'TLS_VERSION',
  message: `${relay} offers only versions of TLS that are no longer safe. At least TLS 1.2 is needed.`,
  hint: 'Enable TLS 1.2 or 1.3 on the server.',
});

function notTls(relay: string, { security, port }: RelayEndpoint): Fault {
  if (security === 'smtps') {
    return { code: 'TLS_ON_PLAIN_PORT', message: `${relay} does not speak TLS from the first byte on this port.`,
      hint: `Set security to startTls for port ${port}, or use the port for smtps (usually 465).` };
  }
  return { code: 'TLS_FAILED', message: `${relay} agreed to STARTTLS but then sent something that is not TLS.`,
    hint: 'Check the server, and any proxy that inspects mail in between.' };
}

const weak = (relay: string, name: string): Fault => ({
  code: 'CERTIFICATE_WEAK',
  message: `${relay} uses keys or signatures that are too weak (${name}).`,
  hint: 'Install a certificate with an RSA key of at least 2048 bits or an EC key, signed with SHA-256 or better.',
});

const certificateRequired = (relay: string): Fault => ({
  code: 'CLIENT_CERTIFICATE_REQUIRED',
  message: `${relay} demands a client certificate, and none was presented.`,
  hint: 'Install a client certificate that the server accepts and set useClientCertificate.',
});

const certificateRejected = (relay: string, name: string): Fault => ({
  code: 'CLIENT_CERTIFICATE_REJECTED',
  message: `${relay} does not accept the client certificate (${name}).`,
  hint: 'Check its expiry, that it is for client authentication and has its chain, and that the server trusts the CA that issued it.',
});

const failed = (relay: string, name: string): Fault => ({
  code: 'TLS_FAILED',
  message: `The TLS handshake with ${relay} failed (${name}).`,
  hint: 'Check that server and client have a cipher suite in common, and the TLS log of the server.',
});
