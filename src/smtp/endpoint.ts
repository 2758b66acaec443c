/** How the connection is protected: not at all, by STARTTLS (required, never downgraded), or by TLS from the first byte. */
export type Security = 'none' | 'startTls' | 'smtps';

export type Credentials =
  | { type: 'none' }
  | { type: 'password'; accountName: string; password: string }
  | { type: 'oauth2'; accountName: string; accessToken: string };

/** What TLS is spoken with, besides Node's built-in roots. Plain data; it is never changed. */
export interface TlsMaterial {
  /**
   * PEM, each item one or more certificates. Node 20 drops `NODE_EXTRA_CA_CERTS` from a context to which something is added: unless this is
   * empty, it must contain the certificates of that file too.
   */
  readonly trustedCertificates: readonly string[];
  /** PEM; `cert` is the certificate followed by its chain. null: none is presented. */
  readonly clientCertificate: { readonly key: string; readonly cert: string } | null;
}

/** One address of the relay, with everything resolved that a session needs. Plain data; it is never changed by a session. */
export interface RelayEndpoint {
  /** IP literal, without brackets. */
  address: string;
  port: number;
  /** The configured server name: it is checked against the certificate and sent as SNI (unless it is an IP address). */
  host: string;
  security: Security;
  verifyCertificate: boolean;
  /** The same object for all endpoints that share it: the TLS context, which is dear to make, is kept by it. */
  tls: TlsMaterial;
  /** The argument of EHLO: a fully qualified name, or an address literal such as `[192.0.2.7]`. */
  clientHostname: string;
  credentials: Credentials;
  /** Milliseconds. `commandMs` also bounds the TLS handshake, `dataMs` the message and the reply to it. */
  timeouts: { connectMs: number; greetingMs: number; commandMs: number; dataMs: number };
}

/** The server as it is named in sentences for people. */
export function describeRelay({ host, address, port }: Pick<RelayEndpoint, 'host' | 'address' | 'port'>): string {
  return host === address ? `${address} (port ${port})` : `${host} (${address}, port ${port})`;
}
