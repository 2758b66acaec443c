import type { Fault } from './connection-faults.js';
import type { Reply } from './replies.js';
import type { StageName } from './stage.js';

/** A reading of a refusal: in which stages, for which replies, and what it means. The first that fits wins. */
interface Rule {
  stages: readonly StageName[];
  when: (reply: Reply) => boolean;
  code: string;
  /** Continues a sentence that starts with the server's name. */
  says: string;
  hint: string;
}

const ANY: readonly StageName[] = ['greeting', 'ehlo', 'startTls', 'auth', 'mailFrom', 'rcptTo', 'data', 'quit'];
const MAIL: readonly StageName[] = ['mailFrom', 'rcptTo', 'data'];

const is = (...codes: number[]) => (reply: Reply): boolean => codes.includes(reply.code);
const enhanced = (...codes: string[]) => (reply: Reply): boolean => reply.enhancedCode !== null && codes.includes(reply.enhancedCode.slice(2));
const text = (pattern: RegExp) => (reply: Reply): boolean => pattern.test(reply.text);
const both = (a: Rule['when'], b: Rule['when']) => (reply: Reply): boolean => a(reply) && b(reply);
const either = (a: Rule['when'], b: Rule['when']) => (reply: Reply): boolean => a(reply) || b(reply);
const temporary = (reply: Reply): boolean => reply.code < 500;
const always = (): boolean => true;

const SEE_SERVER_LOG = 'See the server’s words, and its log.';
const SET_CLIENT_HOSTNAME = 'Set clientHostname to the fully qualified name of this machine, or to its address in square brackets.';
const CHECK_SENDER = 'Check the sender address: its domain must exist, and the server must let this client send for it.';
/** RFC 3463 §3.2: X.1.7 and X.1.8 are about the sender, whichever command they answer. */
const REFUSES_SENDER = either(enhanced('1.7', '1.8'), text(/\bsender address rejected\b/i));

/** From the particular to the general. The words of Exchange Online, Gmail, Postfix, Exim and sendmail were looked at. */
const RULES: readonly Rule[] = [
  // Postfix lets the handshake pass and then says it in words (its smtpd_tls_req_ccert).
  { stages: ANY, when: text(/\bno client certificate presented\b/i), code: 'CLIENT_CERTIFICATE_REQUIRED', says: 'demands a client certificate, and none was presented',
    hint: 'Install a client certificate that the server accepts and set useClientCertificate.' },
  { stages: ANY, when: text(/\bclient certificate not trusted\b/i), code: 'CLIENT_CERTIFICATE_REJECTED', says: 'does not accept the client certificate',
    hint: 'Check its expiry, that it is for client authentication and has its chain, and that the server trusts the CA that issued it.' },

  { stages: ANY, when: is(421), code: 'SERVICE_UNAVAILABLE', says: 'is too busy or is closing the connection',
    hint: 'It is tried again later. If it happens often, lower maxConnections or set maxMessagesPerSecond.' },

  { stages: ['greeting'], when: always, code: 'GREETING_REJECTED', says: 'does not accept connections from this machine',
    hint: 'Allow the IP address of this machine on the server, and check whether it stands on a block list.' },
  { stages: ['ehlo'], when: always, code: 'EHLO_REJECTED', says: 'did not accept the greeting of this client', hint: SET_CLIENT_HOSTNAME },
  { stages: ['startTls'], when: always, code: 'STARTTLS_REJECTED', says: 'offers STARTTLS but did not start it',
    hint: 'Check the certificate and key in the server’s TLS configuration.' },

  { stages: ['auth'], when: text(/SmtpClientAuthentication is disabled/i), code: 'AUTH_REJECTED', says: 'lets nobody log in by SMTP for this mailbox, or for the whole organization',
    hint: 'Let the administrator of Exchange switch authenticated SMTP on for this mailbox. It is needed with OAuth 2.0 too.' },
  { stages: ['auth'], when: text(/5\.7\.139|basic authentication is disabled/i), code: 'AUTH_REJECTED',
    says: 'has password authentication switched off', hint: 'Use OAuth 2.0, or let the administrator allow authenticated SMTP for this mailbox.' },
  { stages: ['auth'], when: either(enhanced('7.9', '7.14'), text(/application-specific password|web browser/i)), code: 'AUTH_REJECTED',
    says: 'does not accept the account’s normal password', hint: 'Create an app password for this account, or use OAuth 2.0.' },
  { stages: ['auth'], when: either(is(538), both(is(530), text(/tls/i))), code: 'TLS_REQUIRED', says: 'allows authentication only over TLS',
    hint: 'Set security to startTls (or smtps on its port).' },
  { stages: ['auth'], when: temporary, code: 'AUTH_UNAVAILABLE', says: 'could not check the credentials just now',
    hint: 'Check the server’s connection to its directory. It is tried again later.' },
  { stages: ['auth'], when: always, code: 'AUTH_REJECTED', says: 'did not accept the credentials',
    hint: 'Check account name and password (or token), and that the account may send by SMTP and is not locked.' },

  { stages: MAIL, when: both(is(530, 538, 554, 550), text(/starttls|must.{0,20}\btls\b|encryption required/i)), code: 'TLS_REQUIRED',
    says: 'takes mail only over TLS', hint: 'Set security to startTls (or smtps on its port).' },
  { stages: MAIL, code: 'AUTH_REQUIRED',
    when: either(is(530, 535), both(is(550, 553, 554), text(/auth\w* (is )?required|not authenticated|5\.7\.57\b/i))),
    says: 'takes mail only from authenticated clients', hint: 'Set an account in the authentication of the SMTP settings.' },
  { stages: MAIL, when: either(enhanced('7.60'), text(/SendAsDenied|not allowed to send as|sender address rejected: not owned/i)), code: 'SENDER_REJECTED',
    says: 'does not let this account send as this sender', hint: 'Use the account’s own address as sender, or give the account the right to send as it.' },
  // Postfix refuses client, HELO and sender only when it is told the recipient (its smtpd_delay_reject).
  { stages: MAIL, when: text(/\bclient host (\S+ )?(rejected|blocked)\b/i), code: 'CLIENT_REJECTED', says: 'takes no mail from this machine',
    hint: 'Allow the IP address of this machine on the server, and check whether it stands on a block list. If the port is for authenticated clients (587 and 465), set an account.' },
  { stages: MAIL, when: text(/\bhelo command rejected\b/i), code: 'EHLO_REJECTED', says: 'did not accept the greeting of this client', hint: SET_CLIENT_HOSTNAME },
  { stages: ['rcptTo', 'data'], when: both(temporary, REFUSES_SENDER), code: 'SENDER_DEFERRED', says: 'does not accept the sender just now',
    hint: `It is tried again later. ${SEE_SERVER_LOG}` },
  { stages: ['rcptTo', 'data'], when: REFUSES_SENDER, code: 'SENDER_REJECTED', says: 'did not accept the sender', hint: CHECK_SENDER },
  { stages: MAIL, when: enhanced('3.4'), code: 'MESSAGE_TOO_LARGE', says: 'takes only smaller messages',
    hint: 'Shorten the template, or raise the size limit of the server.' },
  { stages: ['rcptTo'], when: either(enhanced('2.2'), text(/mailbox (is )?full|over quota|quota exceeded/i)), code: 'MAILBOX_FULL',
    says: 'reports that the mailbox is full', hint: 'The recipient has to make room.' },
  { stages: ['mailFrom', 'data'], when: is(552), code: 'MESSAGE_TOO_LARGE', says: 'takes only smaller messages',
    hint: 'Shorten the template, or raise the size limit of the server.' },
  { stages: MAIL, when: is(452), code: 'INSUFFICIENT_RESOURCES', says: 'has no room or takes no more mail for now',
    hint: 'Check the free disk space and the limits of the server. It is tried again later.' },

  { stages: ['mailFrom'], when: temporary, code: 'SENDER_DEFERRED', says: 'does not accept the sender just now',
    hint: `It is tried again later. ${SEE_SERVER_LOG}` },
  { stages: ['mailFrom'], when: always, code: 'SENDER_REJECTED', says: 'did not accept the sender', hint: CHECK_SENDER },

  { stages: ['rcptTo'], when: temporary, code: 'RECIPIENT_DEFERRED', says: 'does not accept the recipient just now',
    hint: 'Greylisting and limits look like this. It is tried again later.' },
  { stages: ['rcptTo'], when: either(text(/\brelay/i), both(enhanced('7.1'), is(550, 551, 553, 554))), code: 'RELAY_DENIED',
    says: 'does not forward mail of this client to this recipient',
    hint: 'Let the server relay for this machine’s IP address, or set an account in the authentication of the SMTP settings.' },
  { stages: ['rcptTo'], when: always, code: 'RECIPIENT_REJECTED', says: 'did not accept the recipient', hint: 'Check the recipient’s address.' },

  { stages: ['data'], when: temporary, code: 'MESSAGE_DEFERRED', says: 'does not take the message just now',
    hint: `It is tried again later. ${SEE_SERVER_LOG}` },
  { stages: ['data'], when: always, code: 'MESSAGE_REJECTED', says: 'did not take the message',
    hint: 'Usually a filter for spam or content, or a policy for the sender’s domain (SPF, DKIM, DMARC). See the server’s words.' },

  { stages: ANY, when: always, code: 'COMMAND_REJECTED', says: 'did not accept the command', hint: SEE_SERVER_LOG },
];

/** What a reply other than the expected one means in this stage; `relay` is the server's name in the sentence. */
export function replyFault(stage: StageName, reply: Reply, relay: string): Fault {
  // 2yz and 3yz are not refusals, but not what the command allows either (RFC 5321 §4.3.2).
  if (reply.code < 400) return { code: 'PROTOCOL_ERROR', message: `${relay} sent a reply that does not fit: ${reply.text}`, hint: SEE_SERVER_LOG };
  const rule = RULES.find(({ stages, when }) => stages.includes(stage) && when(reply))!;
  return { code: rule.code, message: `${relay} ${rule.says}: ${reply.text}`, hint: rule.hint };
}
