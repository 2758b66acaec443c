import { authenticate } from './authenticate.js';
import { completed, type Dialogue } from './dialogue.js';
import { describeRelay, type RelayEndpoint } from './endpoint.js';
import { parseExtensions } from './extensions.js';
import { SmtpFailure } from './failure.js';
import type { Stage } from './stage.js';
import { secureWire } from './tls.js';

/** EHLO's argument goes out as it is, so it must be one word of visible ASCII (RFC 5321 §4.1.1.1: a domain or an address literal). */
export function validClientHostname({ clientHostname, address }: RelayEndpoint): void {
  if (/^[\x21-\x7e]{1,255}$/.test(clientHostname)) return;
  throw new SmtpFailure({
    code: 'CLIENT_HOSTNAME_INVALID', stage: 'ehlo', address, message: 'The client host name is not a host name.',
    hint: 'Set clientHostname to the fully qualified name of this machine, or to its address in square brackets.',
  });
}

export async function connected({ wire, endpoint }: Dialogue): Promise<void> {
  await wire.wait<void>(endpoint.timeouts.connectMs, (resolve) => wire.socket.once('connect', () => resolve()));
}

export async function greeting(dialogue: Dialogue, stage: Stage): Promise<void> {
  const reply = await dialogue.expect(stage, dialogue.endpoint.timeouts.greetingMs, completed);
  dialogue.greetingHost = (reply.lines[0] ?? '').split(' ')[0] ?? '';
}

/** EHLO, or HELO for servers from before RFC 1869 (RFC 5321 §3.2), which have no extensions. */
export async function ehlo(dialogue: Dialogue, stage: Stage): Promise<void> {
  const { wire, endpoint: { clientHostname, timeouts } } = dialogue;
  wire.command(`EHLO ${clientHostname}`);
  const reply = await dialogue.expect(stage, timeouts.commandMs, ({ code }) => code < 300 || code === 500 || code === 502);
  if (completed(reply)) {
    dialogue.extensions = parseExtensions(reply);
    return;
  }
  wire.command(`HELO ${clientHostname}`);
  await dialogue.expect(stage, timeouts.commandMs, completed);
  warn(stage, 'ESMTP_NOT_SUPPORTED', 'The server knows only HELO and thus no extensions, neither TLS nor authentication.',
    'Check whether a proxy or firewall in between filters EHLO.');
}

/** STARTTLS (RFC 3207) and the handshake. What was learnt before may have been forged and is forgotten (§4.2). */
export async function startTls(dialogue: Dialogue, stage: Stage): Promise<void> {
  const { wire, endpoint } = dialogue;
  if (!dialogue.extensions.has('STARTTLS')) throw tlsNotOffered(endpoint);
  wire.command('STARTTLS');
  await dialogue.expect(stage, endpoint.timeouts.commandMs, completed);
  // Whatever follows the 220 in clear text was put there to be taken for an answer inside TLS (CVE-2011-0411).
  if (wire.broken || wire.pending > 0) throw injected(endpoint);
  dialogue.extensions = new Map();
  await immediateTls(dialogue, stage);
}

/** The handshake, and the judgement of the certificate: nothing is said over TLS before it. */
export async function immediateTls(dialogue: Dialogue, stage: Stage): Promise<void> {
  const { endpoint, wire } = dialogue;
  const { faults } = dialogue.tls = await secureWire(wire, endpoint);
  const [first, ...others] = faults;
  if (!first) return;
  const message = [first.message, ...others.map((fault) => `Also: ${fault.message}`)].join(' ');
  if (endpoint.verifyCertificate) throw new SmtpFailure({ ...first, message, stage: stage.name, address: endpoint.address });
  warn(stage, first.code, `${message} It was accepted because verifyCertificate is off.`, first.hint);
}

export async function logIn(dialogue: Dialogue, stages: Stage[]): Promise<void> {
  const { credentials } = dialogue.endpoint;
  if (credentials.type === 'none') dialogue.skip(stages, 'auth');
  else await dialogue.run(stages, 'auth', (stage) => authenticate(dialogue, stage, credentials));
}

export function warn(stage: Stage, code: string, message: string, hint: string): void {
  Object.assign(stage, { status: 'warned', code, message, hint });
}

const tlsNotOffered = (endpoint: RelayEndpoint): SmtpFailure => new SmtpFailure({
  code: 'TLS_NOT_OFFERED', stage: 'startTls', address: endpoint.address,
  message: `${describeRelay(endpoint)} does not offer STARTTLS, and mail is not sent without it.`,
  hint: 'Enable TLS on the server, or use its port for smtps (usually 465). If a device in between hides STARTTLS, let it pass.',
});

const injected = (endpoint: RelayEndpoint): SmtpFailure => new SmtpFailure({
  code: 'STARTTLS_INJECTION', stage: 'startTls', address: endpoint.address,
  message: `Something in clear text followed the reply of ${describeRelay(endpoint)} to STARTTLS. That is how an attack looks, and the dialogue was ended.`,
  hint: 'Check who can change the traffic between this machine and the server, and whether the server is up to date.',
});
