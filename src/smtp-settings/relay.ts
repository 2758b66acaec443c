import { hostname } from 'node:os';
import { parseServerAddress } from '../dns/server-address.js';
import type { Credentials, TlsMaterial } from '../smtp/endpoint.js';
import { SmtpFailure } from '../smtp/failure.js';
import { effectivePort } from './destination.js';
import type { SmtpSettingsDraft } from './draft.js';
import type { SmtpSecurity } from './smtp-settings.contract.js';

export interface CredentialsOptions {
  /** Asks the token server also when an unexpired token is at hand. */
  fresh?: boolean;
  /** Ends the wait for a token server. `AbortSignal.timeout()` makes it a time-out. */
  signal?: AbortSignal;
}

/** The mail server as a delivery or a test sees it: the settings as they were when it was asked for. */
export interface Relay {
  /** Stands for the settings, their account and the certificates: connections that were opened under another version are not used any more. */
  version: string;
  serverAddress: string;
  resolveMx: boolean;
  port: number;
  security: SmtpSecurity;
  verifyCertificate: boolean;
  senderAddress: string;
  senderName: string | null;
  clientHostname: string;
  maxConnections: number;
  maxMessagesPerSecond: number | null;
  /**
   * What to log in with, to be asked for at each connection: so a rotated password or a fresh token is used at once, and an account that
   * does not allow this server any more is noticed before anything is sent.
   * @throws SmtpFailure of stage `auth` when there is nothing to log in with: a retry may help, an attempt without them never
   */
  credentials(options?: CredentialsOptions): Promise<Credentials>;
  /**
   * To be told when the server refused these credentials: a token is not used again then.
   * @returns whether asking once more may give others that work: they came from the cache
   */
  refused(credentials: Credentials): boolean;
  /**
   * What TLS is spoken with, to be asked for at each connection.
   * @throws SmtpFailure of stage `tls` or `startTls` when there is no client certificate that can be used: a retry may help
   */
  tls(): Promise<TlsMaterial>;
}

/** The parts of a relay that hold secrets or lead to them. */
export type RelayMeans = Pick<Relay, 'credentials' | 'refused' | 'tls'>;

/** The relay that settings describe. They must have a server and a sender. */
export function relayFrom(settings: SmtpSettingsDraft, version: string, means: RelayMeans): Relay {
  const { serverAddress, resolveMx, security, verifyCertificate, senderAddress, senderName, clientHostname, maxConnections, maxMessagesPerSecond } = settings;
  return {
    version,
    serverAddress: serverAddress!,
    resolveMx,
    port: effectivePort(settings),
    security,
    verifyCertificate,
    senderAddress: senderAddress!,
    senderName,
    clientHostname: ehloName(clientHostname ?? hostname()),
    maxConnections,
    maxMessagesPerSecond,
    ...means,
  };
}

/** RFC 5321 §4.1.3: an address goes into EHLO as a literal in brackets, IPv6 with its tag. */
function ehloName(text: string): string {
  const parsed = parseServerAddress(text);
  if ('fault' in parsed) return 'localhost';
  return { name: parsed.host, ipv4: `[${parsed.host}]`, ipv6: `[IPv6:${parsed.host}]` }[parsed.type];
}

/**
 * Opens a session with these credentials of the relay; once more, with others, when the server refuses them and others may work (a token
 * that was revoked before its time).
 */
export async function openWith<T>(relay: Relay, credentials: Credentials, open: (credentials: Credentials) => Promise<T>, options?: CredentialsOptions): Promise<T> {
  try {
    return await open(credentials);
  } catch (error) {
    if (!isRefusedLogIn(error) || !relay.refused(credentials)) throw error;
  }
  const others = await relay.credentials(options);
  return open(others).catch((error: unknown) => {
    if (isRefusedLogIn(error)) relay.refused(others);
    throw error;
  });
}

const isRefusedLogIn = (error: unknown): boolean => error instanceof SmtpFailure && error.stage === 'auth' && error.replyCode === 535;
