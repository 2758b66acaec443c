import { describe, expect, test } from '@jest/globals';
import { contentOf, type ToldEvent } from '../../../src/email-templates/event-content.js';
import { builtInEventTypes } from '../../../src/event-types/catalogue.js';
import type { EventType } from '../../../src/event-types/event-type.js';

const typeOf = (name: string): EventType => builtInEventTypes.get(name)!;
const event = (type: string, properties: ToldEvent['properties'] = {}): ToldEvent => ({ type, properties, occurredAt: new Date('2026-01-02T03:04:05Z') });

describe('the content of an event is always one that can be sent and stored', () => {
  test.each(['13 1', '01 0', 'tomorrow', '2026-13-45T99:99:99Z', '1e99'])('with %j where a date is expected', (RequiredDate) => {
    const { textBody, warnings } = contentOf(event('AccessRequestCreated', { RequiredDate }), typeOf('AccessRequestCreated'));
    expect(textBody).toContain(RequiredDate);
    expect(warnings).toEqual([]);
  });

  test('with controls and halves of characters that a template writes', () => {
    const controls = String.raw`a{{ "\u0000\u0007\ud83d\u001b" }}b`;
    const content = contentOf(event('ApplianceSick'), typeOf('ApplianceSick'), { subject: controls, textBody: controls, htmlBody: `<p>${controls}</p>`, replyTo: null });
    expect(content).toMatchObject({ subject: 'a \ufffd b', textBody: 'a\ufffdb\n', htmlBody: '<p>a\ufffdb</p>', warnings: [] });
  });

  test('with a template that makes too much: the default tells of the event, and the warning why', () => {
    const template = { subject: 'x', textBody: '{% for i in (1..1000) %}{{ Long }}{% endfor %}', htmlBody: null, replyTo: 'helpdesk@example.com' };
    const content = contentOf(event('ApplianceSick', { Long: 'x'.repeat(1_001) }), typeOf('ApplianceSick'), template);
    expect(content).toMatchObject({ replyTo: 'helpdesk@example.com', warnings: [expect.stringMatching(/^The template failed, so the default was used: textBody: It makes more text than a mail may have: 1,000,000 characters for each part /)] });
    expect(contentOf(event('ApplianceSick', { Long: 'x'.repeat(1_000) }), typeOf('ApplianceSick'), template).textBody).toHaveLength(1_000_001);
  });

  test('with a default that cannot be used either: the values stand as they are', () => {
    const type = { ...typeOf('ApplianceSick'), displayName: `Invoice <due> ${'x'.repeat(70_000)}` };
    const content = contentOf(event('ApplianceSick', { Amount: 12, Note: `a\r\nb ${'y'.repeat(300)}`, Blank: '', None: null }), type);
    expect(content).toMatchObject({ replyTo: null, warnings: [expect.stringMatching(/^No template could be used, so the values stand as they are: .*longer than a template may be/)] });
    expect(content.subject).toMatch(/^Invoice <due> x+\.\.\.$/);
    expect(content.textBody).toMatch(/^Invoice <due> x+\.\.\.\n\nAmount: 12\nNote: a b y{193}\.\.\.\nEventName: ApplianceSick\n/);
    expect(content.htmlBody).toContain('Invoice &lt;due&gt; x');
  });
});
