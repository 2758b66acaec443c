import { parseServerAddress } from '../dns/server-address.js';
import { type FieldError, MailroomError } from '../errors.js';
import { literalAddress, tokenUrlFault } from '../oauth2/token-url.js';
import { checkMailbox } from '../smtp/mailbox-fault.js';
import type { SmtpSettingsUpdate } from './smtp-settings.contract.js';

/** A rule of the settings that a schema cannot say: which fault, under which code. */
interface Fault extends FieldError {
  code: string;
}

const CONTROL = /\p{Cc}|[\u2028\u2029]/u;

/** Which addresses no connection may be opened to. */
export interface AddressPolicy {
  denies(address: string): boolean;
}

/**
 * Throws one problem that lists every fault; its code is the first one's.
 * Shapes, lengths and ranges were checked before, by the contract.
 */
export function refuseInvalid(update: SmtpSettingsUpdate, policy: AddressPolicy): void {
  const faults = [...serverFaults(update, policy), ...loginFaults(update, policy), ...senderFaults(update), ...clientFaults(update)];
  const [first] = faults;
  if (first === undefined) return;
  const errors = faults.map(({ pointer, message }) => ({ ...(pointer !== undefined && { pointer }), message }));
  throw new MailroomError('invalid', first.code, `${first.pointer} ${first.message}.`, errors);
}

function serverFaults({ serverAddress, resolveMx = false }: SmtpSettingsUpdate, policy: AddressPolicy): Fault[] {
  if (serverAddress == null) return [];
  const parsed = parseServerAddress(serverAddress);
  if ('fault' in parsed) return [{ code: 'SMTP_SERVER_ADDRESS_INVALID', pointer: '/serverAddress', message: parsed.fault }];
  if (resolveMx && parsed.type !== 'name') {
    return [{ code: 'SMTP_MX_NEEDS_DOMAIN', pointer: '/resolveMx', message: 'needs a domain in serverAddress, not an IP address' }];
  }
  return parsed.type === 'name' ? [] : deniedFaults('/serverAddress', parsed.host, policy);
}

function loginFaults({ authentication }: SmtpSettingsUpdate, policy: AddressPolicy): Fault[] {
  const name = authentication !== undefined && 'accountName' in authentication ? authentication.accountName : '';
  const faults: Fault[] = [];
  if (CONTROL.test(name)) faults.push({ code: 'SMTP_ACCOUNT_NAME_INVALID', pointer: '/authentication/accountName', message: 'must be one line without control characters' });
  if (authentication?.type !== 'oauth2') return faults;
  const fault = tokenUrlFault(authentication.tokenUrl);
  if (fault !== null) return [...faults, { code: 'OAUTH2_TOKEN_URL_INVALID', pointer: '/authentication/tokenUrl', message: fault }];
  const literal = literalAddress(authentication.tokenUrl);
  return literal === null ? faults : [...faults, ...deniedFaults('/authentication/tokenUrl', literal, policy)];
}

/** What a name leads to is checked at each connection. */
function deniedFaults(pointer: string, address: string, policy: AddressPolicy): Fault[] {
  if (!policy.denies(address)) return [];
  return [{ code: 'SMTP_ADDRESS_DENIED', pointer, message: `must be another address: Mailroom may not connect to ${address} (MAILROOM_SMTP_DENY_NETWORKS)` }];
}

function senderFaults({ serverAddress, senderAddress, senderName }: SmtpSettingsUpdate): Fault[] {
  const faults: Fault[] = [];
  if (serverAddress != null && senderAddress == null) {
    faults.push({ code: 'SMTP_SENDER_REQUIRED', pointer: '/senderAddress', message: 'is required when serverAddress is set' });
  }
  const fault = senderAddress == null ? null : checkMailbox(senderAddress);
  if (fault !== null) faults.push({ code: 'SMTP_SENDER_INVALID', pointer: '/senderAddress', message: fault });
  if (senderName != null && CONTROL.test(senderName)) {
    faults.push({ code: 'SMTP_SENDER_NAME_INVALID', pointer: '/senderName', message: 'must be one line without control characters' });
  }
  return faults;
}

function clientFaults({ clientHostname, useClientCertificate = false, security = 'startTls' }: SmtpSettingsUpdate): Fault[] {
  const faults: Fault[] = [];
  const parsed = clientHostname == null ? null : parseServerAddress(clientHostname);
  if (parsed !== null && 'fault' in parsed) {
    faults.push({ code: 'SMTP_CLIENT_HOSTNAME_INVALID', pointer: '/clientHostname', message: parsed.fault });
  }
  if (useClientCertificate && security === 'none') {
    faults.push({ code: 'SMTP_CLIENT_CERTIFICATE_REQUIRED', pointer: '/useClientCertificate', message: 'needs security startTls or smtps' });
  }
  return faults;
}

/** The same problem for settings that stand deeper in a body. */
export function below(pointer: string, { kind, code, message, errors, cause }: MailroomError): MailroomError {
  const moved = errors.map((error) => (error.pointer === undefined ? error : { ...error, pointer: `${pointer}${error.pointer}` }));
  const startsWithPointer = errors[0]?.pointer !== undefined && message.startsWith(errors[0].pointer);
  return new MailroomError(kind, code, startsWithPointer ? `${pointer}${message}` : message, moved, { cause });
}
