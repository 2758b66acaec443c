import { parseServerAddress } from '../dns/server-address.js';
import { type FieldError, MailroomError } from '../errors.js';
import { checkMailbox } from '../smtp/mailbox-fault.js';
import type { SmtpSettingsUpdate } from './smtp-settings.contract.js';

/** A rule of the settings that a schema cannot say: which fault, under which code. */
interface Fault extends FieldError {
  code: string;
}

/**
 * Throws one problem that lists every fault; its code is the first one's.
 * Shapes, lengths and ranges were checked before, by the contract.
 */
export function refuseInvalid(update: SmtpSettingsUpdate): void {
  const faults = [...serverFaults(update), ...senderFaults(update), ...clientFaults(update)];
  const [first] = faults;
  if (first === undefined) return;
  const errors = faults.map(({ pointer, message }) => ({ ...(pointer !== undefined && { pointer }), message }));
  throw new MailroomError('invalid', first.code, `${first.pointer} ${first.message}.`, errors);
}

function serverFaults({ serverAddress, resolveMx = false }: SmtpSettingsUpdate): Fault[] {
  if (serverAddress == null) return [];
  const parsed = parseServerAddress(serverAddress);
  if ('fault' in parsed) return [{ code: 'SMTP_SERVER_ADDRESS_INVALID', pointer: '/serverAddress', message: parsed.fault }];
  if (resolveMx && parsed.type !== 'name') {
    return [{ code: 'SMTP_MX_NEEDS_DOMAIN', pointer: '/resolveMx', message: 'needs a domain in serverAddress, not an IP address' }];
  }
  return [];
}

function senderFaults({ serverAddress, senderAddress, senderName }: SmtpSettingsUpdate): Fault[] {
  const faults: Fault[] = [];
  if (serverAddress != null && senderAddress == null) {
    faults.push({ code: 'SMTP_SENDER_REQUIRED', pointer: '/senderAddress', message: 'is required when serverAddress is set' });
  }
  const fault = senderAddress == null ? null : checkMailbox(senderAddress);
  if (fault !== null) faults.push({ code: 'SMTP_SENDER_INVALID', pointer: '/senderAddress', message: fault });
  if (senderName != null && /\p{Cc}|[\u2028\u2029]/u.test(senderName)) {
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
  if (useClientCertificate) {
    const message = security === 'none' ? 'needs security startTls or smtps' : 'cannot be set: no client certificate is installed';
    faults.push({ code: 'SMTP_CLIENT_CERTIFICATE_REQUIRED', pointer: '/useClientCertificate', message });
  }
  return faults;
}
