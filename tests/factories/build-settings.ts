import type { PasswordAuthenticationInput, SmtpSettingsUpdate } from '../../src/smtp-settings/smtp-settings.contract.js';

/** Valid settings of an enabled client without a log-in. */
export const buildSettings = (overrides: Partial<SmtpSettingsUpdate> = {}): SmtpSettingsUpdate => ({
  serverAddress: 'mail.example.com',
  senderAddress: 'mailroom@example.com',
  ...overrides,
});

export const buildPasswordAuthentication = (overrides: Partial<PasswordAuthenticationInput> = {}): PasswordAuthenticationInput => ({
  type: 'password',
  accountName: 'mailroom',
  password: 'correct-horse-battery',
  ...overrides,
});
