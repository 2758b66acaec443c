import { describe, expect, test } from '@jest/globals';
import { defaultTemplate, ownDrafts } from '../../../src/email-templates/defaults/default-template.js';
import { renderTemplate, templateMacros, type RenderedContent } from '../../../src/email-templates/render.js';
import { builtInEventTypes, sampleValue, type EventType } from '../../../src/event-types/catalogue.js';
import { expectBalanced } from './balanced.js';

type Values = Record<string, string | number | boolean>;

const all = [...builtInEventTypes.values()];
/** All with texts of their own, and some of the others. */
const someTypes = all.filter(({ name }, index) => name in ownDrafts || index % 20 === 0);
const valuesOf = (type: EventType): Values => Object.fromEntries(type.properties.map((property) => [property.name, sampleValue(property, type)]));
const render = (type: EventType, values: Values): RenderedContent => renderTemplate(defaultTemplate(type), values);
const shown = (html: string): string =>
  html.replace(/<!--[\s\S]*?-->|<style>[\s\S]*?<\/style>|<title>[\s\S]*?<\/title>/g, '').replace(/<[^>]+>/g, '|').replace(/&nbsp;/g, '');

/** The marks that a missing property could leave behind in running text. */
const DANGLING = / {2}| [.,;:)]|\( |\(\)|(?<!switched |passed |now |then )\b(on|of|to|from|by|for) ?[.,:;)]|: ?$|\bundefined\b|\bnull\b|\bNaN\b|\[object|\{\{|\{%|""/;

/** Lines of the news without their labels, which stand before a value or before an address on the next line. */
function linesOf(news: string): string[] {
  return news.split('\n').map((line, index, lines) => {
    const [, value] = /^[A-Z][\w ]{0,30}: *(.*)$/.exec(line) ?? [];
    return value === '' && /^https:/.test(lines[index + 1] ?? '') ? '' : (value ?? line);
  });
}

function faultsOf(type: EventType, { subject, textBody, htmlBody, warnings }: RenderedContent): string[] {
  const [news = '', signature = ''] = textBody.split('\n-- \n');
  const texts = [subject, ...linesOf(news), ...shown(htmlBody).split('|').map((piece) => piece.trim())];
  const faults = [...warnings, ...texts.filter((text) => DANGLING.test(text)), ...textBody.split('\n').filter((line) => line.length > 78)];
  if (!subject.startsWith(type.displayName)) faults.push(`subject: ${subject}`);
  if (!signature.startsWith('You receive this e-mail because')) faults.push(`signature: ${signature}`);
  if (/\n{3}|:\n(?!https)/.test(textBody)) faults.push(`blank lines or empty rows: ${textBody}`);
  if (/<(p|h1|h2|th|td|span)[^>]*>\s*<\/\1>|href=""/.test(htmlBody)) faults.push(`empty elements: ${htmlBody}`);
  return faults;
}

const expectGoodEnglish = (type: EventType, content: RenderedContent): void => {
  const faults = faultsOf(type, content);
  if (faults.length > 0) expect([type.name, ...faults]).toEqual([type.name]);
};

describe('default templates', () => {
  test('are watched for words that dangle, empty rows and over-long lines', () => {
    const type = builtInEventTypes.get('Test')!;
    const good = render(type, {});
    const faults = (change: Partial<RenderedContent>): number => faultsOf(type, { ...good, ...change }).length;
    expect(faults({})).toBe(0);
    for (const subject of ['Test: ', 'Test  x', 'Test of a on .', 'Test ()', 'Test null', 'Else']) expect(faults({ subject })).toBeGreaterThan(0);
    expect(faults({ textBody: good.textBody.replace('Event type:  Test', 'Event type:') })).toBeGreaterThan(0);
    expect(faults({ htmlBody: good.htmlBody.replace('>Test</td>', '></td>') })).toBeGreaterThan(0);
  });

  test('every built-in type has one within the limits of the API', () => {
    for (const type of all) {
      const { subject, textBody, htmlBody, replyTo } = defaultTemplate(type);
      expect(subject).toMatch(/^[\x20-\x7e]{1,1024}$/);
      expect(subject).toContain(type.displayName);
      expect(textBody.length).toBeLessThanOrEqual(16_384);
      expect(htmlBody!.length).toBeLessThanOrEqual(65_536);
      expect(textBody).toMatch(/^[\x20-\x7e\n]+$/);
      expect(htmlBody).toMatch(/^[\x20-\x7e\n]+$/);
      expect(replyTo).toBeNull();
    }
  });

  test('they use no macro that their type does not declare', () => {
    for (const type of all) {
      const declared = new Set(type.properties.map((property) => property.name));
      const undeclared = templateMacros(defaultTemplate(type)).filter((name) => !declared.has(name));
      expect([type.name, undeclared]).toEqual([type.name, []]);
    }
  });

  test('they read well with all properties', () => {
    for (const type of all) expectGoodEnglish(type, render(type, valuesOf(type)));
  });

  test('they read well with none', () => {
    for (const type of all) expectGoodEnglish(type, render(type, {}));
  });

  test('they read well with each single property', () => {
    for (const type of all) {
      for (const [name, value] of Object.entries(valuesOf(type))) expectGoodEnglish(type, render(type, { [name]: value }));
    }
  });

  test('they read well with all but one property', () => {
    for (const name of Object.keys(ownDrafts)) {
      const type = builtInEventTypes.get(name)!;
      for (const [missing] of Object.entries(valuesOf(type))) {
        const { [missing]: _left, ...rest } = valuesOf(type);
        expectGoodEnglish(type, render(type, rest));
      }
    }
  });

  test('their HTML is whole and small, and fetches nothing', () => {
    for (const type of all) {
      const { htmlBody } = render(type, valuesOf(type));
      expectBalanced(htmlBody);
      expect(htmlBody.length).toBeLessThan(12_000);
      expect(htmlBody).not.toMatch(/<img|<link|<script|@import|url\(|src=/i);
      expect(htmlBody).toContain('<html lang="en">');
    }
  });

  test('their HTML is safe from the values', () => {
    for (const type of someTypes) {
      const hostile = render(type, Object.fromEntries(type.properties.map(({ name }) => [name, `"><script>${name}</script>`])));
      expect(hostile.htmlBody).not.toContain('<script');
      expectBalanced(hostile.htmlBody);
    }
  });

  test('they render with the longest values', () => {
    for (const type of someTypes) {
      const { htmlBody } = render(type, Object.fromEntries(type.properties.map(({ name }) => [name, '"'.repeat(100_000)])));
      expect(htmlBody.length).toBeLessThan(1_000_000);
    }
  });

  test('every type that a role usually gets has texts of its own', () => {
    expect(Object.keys(ownDrafts)).toEqual(expect.arrayContaining([
      'ApplianceHealthy', 'ApplianceRestarted', 'ApplianceSick', 'ArchiveTaskFailed', 'ClusterFailoverStarted', 'ClusterReplicaEnrollmentCompleted',
      'ClusterReplicaRemovalStarted', 'ClusterResetStarted', 'DiskUsageWarning', 'FactoryResetAppliance', 'LicenseExpired', 'LicenseExpiringSoon',
      'NtpErrorDetected', 'OperationalModeAppliance', 'RaidErrorDetected', 'RebootAppliance', 'ShutdownAppliance', 'EmailNotificationFailed',
      'AccountDiscoveryFailed', 'DependentAssetUpdateFailed', 'PasswordChangeFailed', 'PasswordCheckFailed', 'PasswordCheckMismatch',
      'PasswordResetNeeded', 'RestoreAccountFailed', 'SshHostKeyMismatch', 'SshKeyChangeFailed', 'SshKeyInstallFailed', 'SuspendAccountFailed',
      'TestConnectionFailed', 'PolicyExpirationWarning', 'PolicyExpired', 'RoleExpirationWarning', 'RoleExpired', 'AccessRequestApproved',
      'AccessRequestDenied', 'AccessRequestExpired', 'AccessRequestPendingApproval', 'AccessRequestRevoked', 'ReviewNeeded', 'CertificateExpiring',
      'UserAuthenticationFailed', 'UserLockedOut',
    ]));
  });

  test('own texts belong to types that exist', () => {
    expect(Object.keys(ownDrafts).filter((name) => !builtInEventTypes.has(name))).toEqual([]);
  });
});

describe('what a default mail tells', () => {
  const mail = (name: string, values?: Values): RenderedContent => {
    const type = builtInEventTypes.get(name)!;
    return render(type, values ?? valuesOf(type));
  };

  test.each<[Values, string]>([
    [{ AccountName: 'svc', AssetName: 'db' }, 'Password Check Failed: svc on db'],
    [{ AccountName: 'svc' }, 'Password Check Failed: svc'],
    [{ AssetName: 'db' }, 'Password Check Failed: db'],
    [{}, 'Password Check Failed'],
  ])('the subject has the most telling facts of %j', (values, subject) => expect(mail('PasswordCheckFailed', values).subject).toBe(subject));

  test('facts are aligned in the text, and the lines of a long one stay in its column', () => {
    const { textBody } = mail('AccessRequestDenied', { Comment: 'No.\nAsk again.', TicketNumber: 'T-1' });
    expect(textBody).toContain('\nComment:      No.\n              Ask again.\nTicket:       T-1\n');
  });

  test('an approver gets a button to the request, and others get theirs', () => {
    expect(mail('AccessRequestPendingApproval').htmlBody).toMatch(/<a href="https:[^"]+\/approve"[^>]*>Review request<\/a>/);
    expect(mail('AccessRequestApproved').htmlBody).toMatch(/<a href="https:[^"]+a8c2"[^>]*>Open request<\/a>/);
    expect(mail('ReviewNeeded').htmlBody).toMatch(/<a href="https:[^"]+\/review"[^>]*>Start review<\/a>/);
  });

  test.each(['javascript:alert(1)', 'data:text/html,x', ' JavaScript:alert(1)', 'ftp://x', 'x'])('%s makes no button', (uri) => {
    const { htmlBody } = mail('PasswordCheckFailed', { AuditLogUri: uri });
    expect(htmlBody).not.toContain('<a ');
    expectBalanced(htmlBody);
  });

  test('the level is said in words', () => {
    expect(mail('PasswordCheckFailed').htmlBody).toContain('>Error</span>');
    expect(mail('DiskUsageWarning').textBody).toMatch(/^\[Warning\] /);
    expect(mail('AccessRequestApproved').textBody).toMatch(/^\[Information\] /);
    expect(mail('ReviewNeeded').htmlBody).toContain('>Action needed</span>');
  });

  test('counts agree with their nouns', () => {
    expect(mail('EmailNotificationFailed', { FailedCount: 1 }).textBody).toContain('One e-mail about an event could not');
    expect(mail('EmailNotificationFailed', { FailedCount: 3 }).textBody).toContain('3 e-mails about an event could not');
    expect(mail('CertificateExpiring', { DaysRemaining: 1 }).subject).toBe('Certificate Expiring (1 day left)');
    expect(mail('CertificateExpiring', { DaysRemaining: 30 }).textBody).toContain('expires in 30 days.');
    const expired = mail('CertificateExpiring', { DaysRemaining: 0, ExpirationDate: '2026-03-14T09:26:53Z' });
    expect(expired.subject).toBe('Certificate Expiring (expired)');
    expect(expired.textBody).toMatch(/expired on 14 March\s2026\./);
  });
});

describe('default templates for types of other services', () => {
  const custom = (overrides: Partial<EventType> = {}): EventType => ({
    name: 'InvoicePaid', category: 'Billing', displayName: 'Invoice Paid', description: 'An invoice was paid.', level: 'info', builtIn: false, properties: [],
    ...overrides,
  });

  test('have their facts', () => {
    const properties: EventType['properties'] = [
      { name: 'InvoiceNumber', type: 'string', description: 'Its number.', required: true },
      { name: 'PaidAt', type: 'dateTime', description: 'When.', required: false },
      { name: 'not a macro', type: 'string', description: 'Cannot be written in Liquid.', required: false },
    ];
    const { textBody, htmlBody } = render(custom({ properties }), { InvoiceNumber: '7', PaidAt: '2026-03-14T09:26:53Z' });
    expect(textBody).toContain('\nInvoice number:  7\nPaid at:         14 Mar 2026, 09:26:53 UTC\nEvent type:      InvoicePaid\n');
    expectBalanced(htmlBody);
  });

  test('survive names and descriptions full of markup and Liquid', () => {
    const type = custom({ displayName: '<b>{{ x }}</b> & {% if %}', description: '{{ "a" | raw }} <script>\n{{{%' });
    const { subject, textBody, htmlBody } = render(type, {});
    expect(subject).toBe('<b>{ { x }}</b> & { % if %}');
    expect(textBody).toContain('{ { "a" | raw }} <script> { { { %');
    expect(htmlBody).not.toMatch(/<script|<b>/);
    expectBalanced(htmlBody);
  });

  test('have a subject in ASCII', () => {
    expect(defaultTemplate(custom({ displayName: 'Schl\u00fcssel ge\u00e4ndert' })).subject).toBe('Schlussel geandert');
    expect(defaultTemplate(custom({ displayName: '\u66f4\u65b0' })).subject).toBe('InvoicePaid');
  });

  test('stay within the limits with very many properties', () => {
    const properties: EventType['properties'] = Array.from({ length: 500 }, (_, index) =>
      ({ name: `Property${'X'.repeat(80)}${index}`, type: 'string', description: 'One of many.', required: false }));
    const { textBody, htmlBody } = defaultTemplate(custom({ properties, description: 'x'.repeat(20_000) }));
    expect(textBody.length).toBeLessThanOrEqual(16_384);
    expect(htmlBody!.length).toBeLessThanOrEqual(65_536);
  });

  test('are not taken for built-in ones of the same name', () => {
    expect(render(custom({ name: 'constructor' }), {}).textBody).toContain('An invoice was paid.');
  });
});
