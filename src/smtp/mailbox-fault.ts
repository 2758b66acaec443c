import { MailboxError, parseMailbox } from './mailbox.js';

/** What is wrong with an address, as half a sentence for a problem's message; null when it can be used. */
export function checkMailbox(text: string): string | null {
  try {
    parseMailbox(text);
    return null;
  } catch (error) {
    if (!(error instanceof MailboxError)) throw error;
    return `is no e-mail address that mail can be sent to: ${error.message.charAt(0).toLowerCase()}${error.message.slice(1).replace(/\.$/, '')}`;
  }
}

/** What two addresses have in common when they mean one mailbox: in lower case, the domain as A-labels. */
export function addressKey(text: string): string {
  try {
    return parseMailbox(text).address.toLowerCase();
  } catch {
    return text.toLowerCase(); // no address at all: nothing has this key
  }
}
