import { createHmac } from 'node:crypto';
import { HIDDEN, redactorOf } from '../redact.js';
import { completed, goOn, type Dialogue } from './dialogue.js';
import { refusal } from './diagnose.js';
import { describeRelay, type Credentials } from './endpoint.js';
import { SmtpFailure } from './failure.js';
import { printable } from './printable.js';
import type { Reply } from './replies.js';
import type { Stage } from './stage.js';

type Secrets = Exclude<Credentials, { type: 'none' }>;
type Mechanism = 'PLAIN' | 'LOGIN' | 'CRAM-MD5' | 'XOAUTH2';

/** One exchange under way; `ask` sends a line and gives the reply, or throws when it is not a `wanted` one. */
interface Exchange {
  account: string;
  /** The password or the access token. */
  secret: string;
  ask: (wanted: (reply: Reply) => boolean, line: string, shown?: string) => Promise<Reply>;
  refuse: (reply: Reply) => SmtpFailure;
  redact: (text: string) => string;
}

/**
 * AUTH (RFC 4954) with the best mechanism that the server offers. Over TLS a password goes by PLAIN, since servers that offer CRAM-MD5
 * seldom keep what it needs; without TLS, which the administrator then chose, CRAM-MD5 is preferred because it hides the password.
 * Throws AUTH_NOT_OFFERED when nothing fits: credentials that were configured are never left out in silence.
 */
export async function authenticate(dialogue: Dialogue, stage: Stage, credentials: Secrets): Promise<void> {
  const { wire, endpoint } = dialogue;
  const mechanism = chooseMechanism(dialogue, credentials);
  const secret = credentials.type === 'oauth2' ? credentials.accessToken : credentials.password;
  const redact = wire.redact = redactorOf([secret]);
  await EXCHANGES[mechanism]({
    account: credentials.accountName,
    secret,
    redact,
    ask: (wanted, line, shown) => {
      wire.command(line, shown);
      return dialogue.expect(stage, endpoint.timeouts.commandMs, wanted);
    },
    refuse: (reply) => refusal('auth', reply, endpoint),
  });
}

function chooseMechanism({ endpoint, extensions, tls }: Dialogue, credentials: Secrets): Mechanism {
  const offered = (extensions.get('AUTH') ?? '').toUpperCase().split(/\s+/).filter(Boolean);
  const fitting: Mechanism[] = credentials.type === 'oauth2' ? ['XOAUTH2'] : tls ? ['PLAIN', 'LOGIN', 'CRAM-MD5'] : ['CRAM-MD5', 'PLAIN', 'LOGIN'];
  const chosen = fitting.find((mechanism) => offered.includes(mechanism));
  if (chosen) return chosen;
  const what = offered.length > 0
    ? `offers only ${printable(offered.join(', '), 200)} for authentication, not ${fitting.join(', ')}`
    : 'offers no authentication';
  throw new SmtpFailure({
    code: 'AUTH_NOT_OFFERED', stage: 'auth', address: endpoint.address, message: `${describeRelay(endpoint)} ${what}${tls ? '' : ' without TLS'}.`,
    hint: tls ? 'Check the port (587 and 465 are for authenticated clients), or set the authentication to none if the server needs none.'
      : 'Many servers offer it only over TLS: set security to startTls or smtps. If the server needs no authentication, set it to none.',
  });
}

const EXCHANGES: Record<Mechanism, (exchange: Exchange) => Promise<unknown>> = {
  PLAIN: ({ ask, account, secret }) => ask(completed, `AUTH PLAIN ${plainResponse(account, secret)}`, `AUTH PLAIN ${HIDDEN}`),

  LOGIN: async ({ ask, account, secret }) => {
    await ask(goOn, 'AUTH LOGIN');
    await ask(goOn, base64(account), HIDDEN);
    await ask(completed, base64(secret), HIDDEN);
  },

  /** RFC 2195. */
  'CRAM-MD5': async ({ ask, account, secret }) => {
    const { lines } = await ask(goOn, 'AUTH CRAM-MD5');
    const digest = createHmac('md5', secret).update(Buffer.from(lines[0] ?? '', 'base64')).digest('hex');
    await ask(completed, base64(`${account} ${digest}`), HIDDEN);
  },

  /** A refused token is answered with a challenge that holds the reason; an empty line asks for the final reply. */
  XOAUTH2: async ({ ask, account, secret, refuse, redact }) => {
    const reply = await ask((candidate) => candidate.code < 400, `AUTH XOAUTH2 ${xoauth2Response(account, secret)}`, `AUTH XOAUTH2 ${HIDDEN}`);
    if (completed(reply)) return;
    const final = await ask(() => true, '', '(an empty line)');
    throw tokenRefused(refuse(final), reasonIn(reply.lines[0] ?? '', redact));
  },
};

const base64 = (text: string): string => Buffer.from(text, 'utf8').toString('base64');
/** RFC 4616; the authorization identity is left empty. */
const plainResponse = (account: string, password: string): string => base64(`\0${account}\0${password}`);
const xoauth2Response = (account: string, token: string): string => base64(`user=${account}\x01auth=Bearer ${token}\x01\x01`);

/** The words in a challenge. One that held the token has arrived without it, and is no base64 any more. */
function reasonIn(challenge: string, redact: Exchange['redact']): string {
  return challenge.includes(HIDDEN) ? HIDDEN : printable(redact(Buffer.from(challenge, 'base64').toString('utf8')), 300);
}

function tokenRefused(failure: SmtpFailure, reason: string): SmtpFailure {
  const { code, stage, reply, replyCode, enhancedCode, address } = failure;
  const hint = 'Check that the token is for this account and has the scope for SMTP, and that the account may send by SMTP.';
  return new SmtpFailure({ code, stage, reply, replyCode, enhancedCode, address, hint, message: reason ? `${failure.message} (${reason})` : failure.message });
}
