import { hostname } from 'node:os';
import { htmlFromText } from '../email-templates/html-from-text.js';
import { composeContent, messageFor } from '../smtp/message.js';
import type { Relay } from '../smtp-settings/relay.js';

export interface TestMail {
  testId: string;
  relay: Relay;
  sender: string;
  sendTo: string;
  address: string;
  host: string;
  requestedBy: string;
  at: Date;
}

const SECURITY = { none: 'none: the mail went out in clear text', startTls: 'STARTTLS', smtps: 'TLS from the first byte (smtps)' };

/** A mail of its own for each address: it says what was tested, from where, and over which address. */
export function testMessage(mail: TestMail): Buffer {
  const { relay, sender, sendTo, address, at, testId } = mail;
  const subject = `Test e-mail over ${relay.serverAddress} (${address})`;
  const text = textOf(mail);
  const content = composeContent({ fromName: relay.senderName, fromAddress: sender, replyTo: null, subject, text, html: htmlFromText('The mail server works', text) });
  const domain = sender.split('@').at(-1)!.replace(/[^A-Za-z0-9.-]/g, '') || 'mailroom.invalid';
  return messageFor(content, { to: sendTo, messageId: `<test-${testId}-${address.replace(/[^A-Za-z0-9]/g, '-')}@${domain}>`, date: at });
}

function textOf({ relay, sender, address, host, requestedBy, at, testId }: TestMail): string {
  const facts = [
    ['Server', relay.serverAddress],
    ['Host', host],
    ['Address', `${address}, port ${relay.port}`],
    ['Security', SECURITY[relay.security]],
    ['Sender', sender],
    ['Sent from', `${relay.clientHostname} (${hostname()})`],
    ['Asked by', requestedBy],
    ['Time', at.toISOString().replace('T', ' ').replace(/\.\d+Z$/, ' UTC')],
    ['Test', testId],
  ].map(([name, value]) => `${`${name}:`.padEnd(13)}${value}`);
  return [
    'This e-mail shows that Mailroom can send mail over this address of the mail server. There is nothing for you to do.',
    facts.join('\n'),
    '-- \nYou receive this e-mail because an administrator entered your address in a test of the SMTP settings.\n',
  ].join('\n\n');
}
