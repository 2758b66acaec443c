import { describeRelay, type RelayEndpoint } from './endpoint.js';
import type { FailureDetails } from './failure.js';
import type { MalformedReply } from './replies.js';
import type { StageName } from './stage.js';
import type { WireError } from './wire.js';

/** What happened, without the parts that are the same for each failure. */
export type Fault = Pick<FailureDetails, 'code' | 'message' | 'hint'>;

/** What the dialogue knew when it broke off. */
export interface Circumstances {
  endpoint: RelayEndpoint;
  stage: StageName;
  /** TLS is up. */
  secured: boolean;
  messageHandedOver: boolean;
  /** The server's last words that nobody had asked for. */
  unsolicited: string | null;
}

/** A sentence and advice for a connection that broke, stayed silent, or said what is no SMTP. */
export function connectionFault(error: WireError, at: Circumstances): Fault {
  const fault = isTimeLimit(error) ? 'timeout' : error.fault;
  if (fault === 'aborted') return stopped(at);
  if (at.messageHandedOver) return lostAfterData(fault, at);
  if (fault === 'timeout') return timedOut(at);
  if (error.fault === 'malformed') return malformed(error, at);
  return at.stage === 'connect' ? notConnected(error, at) : lost(at);
}

/** The end of an AbortSignal.timeout() is a time-out of the stage it fell into; every other abort is somebody's wish. */
const isTimeLimit = ({ fault, cause }: WireError): boolean => fault === 'aborted' && (cause as { name?: unknown } | undefined)?.name === 'TimeoutError';

function stopped({ endpoint }: Circumstances): Fault {
  return { code: 'ABORTED', message: `The dialogue with ${describeRelay(endpoint)} was stopped.`, hint: 'Start it again when wanted.' };
}

function lostAfterData(fault: WireError['fault'], { endpoint }: Circumstances): Fault {
  const how = { timeout: 'did not answer in time', lost: 'closed the connection', malformed: 'sent no valid reply', aborted: '' }[fault];
  return {
    code: fault === 'timeout' ? 'DATA_TIMEOUT' : fault === 'lost' ? 'CONNECTION_LOST_AFTER_DATA' : 'PROTOCOL_ERROR',
    message: `${describeRelay(endpoint)} ${how} after the whole message was handed over. Nobody can tell whether it took the mail.`,
    hint: 'Look for the Message-ID in the log of the mail server or in the mailbox before sending it again.',
  };
}

const TIMEOUTS: Partial<Record<StageName, [code: string, what: string, hint: string]>> = {
  connect: ['CONNECT_TIMEOUT', 'did not accept the connection in time',
    'Check address and port, and whether a firewall on the way drops the connection. Many networks block port 25; submission is 587 or 465.'],
  tls: ['TLS_TIMEOUT', 'did not complete the TLS handshake in time',
    'Check that this port speaks TLS at once (usually 465). On ports 25 and 587 set security to startTls.'],
  startTls: ['TLS_TIMEOUT', 'did not complete the change to TLS in time', 'Check the TLS configuration of the server and anything between that inspects mail.'],
  greeting: ['GREETING_TIMEOUT', 'accepted the connection but sent no greeting in time',
    'If this port expects TLS at once (465 usually does), set security to smtps. Otherwise check that an SMTP server listens there and is not overloaded.'],
  data: ['DATA_TIMEOUT', 'did not take the message in time', 'Check the load of the server, and whether the network loses large packets (MTU).'],
};

function timedOut({ endpoint, stage, secured }: Circumstances): Fault {
  const [code, what, hint] = TIMEOUTS[stage] ?? ['COMMAND_TIMEOUT', `did not answer in time (${stage})`, 'Check the load and the log of the server.'];
  const silentInTls = stage === 'greeting' && secured;
  return { code, message: `${describeRelay(endpoint)} ${what}.`, hint: silentInTls ? 'Check that an SMTP server answers behind TLS on this port.' : hint };
}

function malformed(error: WireError, { endpoint }: Circumstances): Fault {
  const reply = error.cause as MalformedReply;
  if (reply.looksLike === 'tls') {
    return { code: 'PLAIN_ON_TLS_PORT', message: `${describeRelay(endpoint)} speaks TLS from the first byte.`,
      hint: 'Set security to smtps, or use a port for STARTTLS (25 or 587).' };
  }
  const what = reply.looksLike === 'http' ? 'answered like a web server' : `sent ${reply.message} instead of an SMTP reply`;
  return { code: 'PROTOCOL_ERROR', message: `${describeRelay(endpoint)} ${what}.`, hint: wrongPortHint(endpoint.port) };
}

/** Ports of other services, which get typed in by mistake. */
const OTHER_SERVICES: Record<number, string> = {
  22: 'SSH', 80: 'HTTP', 110: 'POP3', 143: 'IMAP', 443: 'HTTPS', 993: 'IMAPS', 995: 'POP3S', 4190: 'ManageSieve',
};

function wrongPortHint(port: number): string {
  const service = OTHER_SERVICES[port];
  return `${service ? `Port ${port} is usually ${service}. ` : ''}Check that host and port are those of an SMTP server: 25 or 587 with STARTTLS, 465 with smtps.`;
}

const NOT_CONNECTED: Record<string, [code: string, what: string, hint: (port: number) => string]> = {
  ECONNREFUSED: ['CONNECTION_REFUSED', 'refused the connection',
    (port) => `Nothing listens on port ${port} there, or a firewall rejects it. ${wrongPortHint(port)}`],
  EHOSTUNREACH: ['HOST_UNREACHABLE', 'cannot be reached', () => 'Check the address, the routes of this machine and the firewall.'],
  ENETUNREACH: ['HOST_UNREACHABLE', 'cannot be reached from this network',
    () => 'Check the routes of this machine; for an IPv6 address, whether it has IPv6 at all.'],
  EACCES: ['HOST_UNREACHABLE', 'may not be reached from this machine', () => 'Check the local firewall.'],
  EPERM: ['HOST_UNREACHABLE', 'may not be reached from this machine', () => 'Check the local firewall.'],
  ECONNRESET: ['CONNECTION_RESET', 'reset the connection', () => 'Check whether the server or a firewall blocks this machine.'],
  ETIMEDOUT: ['CONNECT_TIMEOUT', 'did not accept the connection in time',
    () => 'Check address and port, and whether a firewall on the way drops the connection.'],
};

function notConnected(error: WireError, { endpoint }: Circumstances): Fault {
  const reason = (error.cause as NodeJS.ErrnoException | undefined)?.code ?? '';
  const [code, what, hint] = NOT_CONNECTED[reason]
    ?? ['CONNECT_FAILED', `could not be connected to${reason && ` (${reason})`}`, () => 'Check the address, the port and the network of this machine.'];
  return { code, message: `${describeRelay(endpoint)} ${what}.`, hint: hint(endpoint.port) };
}

function lost({ endpoint, stage, secured, unsolicited }: Circumstances): Fault {
  const lastWords = unsolicited ? ` Its last words: ${unsolicited}` : '';
  const message = `${describeRelay(endpoint)} closed the connection (${stage}).${lastWords}`;
  return { code: 'CONNECTION_LOST', message, hint: lostHint(endpoint, stage, secured) };
}

function lostHint(endpoint: RelayEndpoint, stage: StageName, secured: boolean): string {
  if (secured && (stage === 'greeting' || stage === 'ehlo')) {
    return endpoint.tls.clientCertificate
      ? 'Servers that do not accept the client certificate often close like this: check that the server trusts the authority that issued it. Otherwise look into the log of the server.'
      : 'Servers that demand a client certificate often close like this. Otherwise look into the log of the server.';
  }
  if (stage === 'greeting') {
    return 'The server or a firewall may block this machine, or may allow fewer connections. If the port expects TLS at once, set security to smtps.';
  }
  return 'Look into the log of the server; it may be restarting, or may limit connections or mails.';
}
