export type AccountRefusalCode = 'SMTP_ACCOUNT_UNKNOWN' | 'SMTP_SERVER_NOT_ALLOWED' | 'SMTP_ACCOUNT_WITHOUT_PASSWORD' | 'SMTP_ACCOUNT_DNS_CHANGED';

/** An account's password is not given out: for people, with what to do about it. */
export class AccountRefusal extends Error {
  constructor(
    readonly code: AccountRefusalCode,
    message: string,
    readonly hint: string,
  ) {
    super(message);
    this.name = 'AccountRefusal';
  }
}

export const unknownAccount = (id: string): AccountRefusal =>
  new AccountRefusal('SMTP_ACCOUNT_UNKNOWN', `There is no account ${id}.`, 'Pick one of GET /v1/accounts for the SMTP settings.');

export const serverNotAllowed = ({ id, accountName, allowedServers }: { id: string; accountName: string; allowedServers: string[] }, serverAddress: string): AccountRefusal =>
  new AccountRefusal(
    'SMTP_SERVER_NOT_ALLOWED',
    `The account ${accountName} does not allow the server ${serverAddress}, so its password is not sent there. It allows: ${allowedServers.join(', ')}.`,
    `Set serverAddress to one of them, or add ${serverAddress} to its allowedServers together with its password (PUT /v1/accounts/${id}).`,
  );

/** @param why what keeps the server's certificate from proving its name */
export const dnsChanged = ({ id, accountName }: { id: string; accountName: string }, serverAddress: string, why: string): AccountRefusal =>
  new AccountRefusal(
    'SMTP_ACCOUNT_DNS_CHANGED',
    `The DNS servers have changed since the password of the account ${accountName} was entered, and ${why}: nothing proves that ${serverAddress} still leads where the password was meant for, so it is not sent.`,
    `Enter the password again: PUT /v1/accounts/${id}/password. Or set security to startTls or smtps, with verifyCertificate.`,
  );

export const withoutPassword = ({ id, accountName }: { id: string; accountName: string }): AccountRefusal =>
  new AccountRefusal('SMTP_ACCOUNT_WITHOUT_PASSWORD', `No password is stored for the account ${accountName}.`, `Give it one: PUT /v1/accounts/${id}/password.`);
