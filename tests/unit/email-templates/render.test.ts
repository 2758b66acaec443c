import { describe, expect, test } from '@jest/globals';
import { renderTemplate, templateMacros, TemplateError, type TemplateText } from '../../../src/email-templates/render.js';
import { unknownMacros } from '../../../src/email-templates/check.js';

const template = (overrides: Partial<TemplateText> = {}): TemplateText =>
  ({ subject: 'Subject', textBody: 'Text', htmlBody: '<p>HTML</p>', replyTo: null, ...overrides });

const subject = (source: string, values: Record<string, string | number | boolean | null>): string =>
  renderTemplate(template({ subject: source }), values).subject;
const text = (source: string, values = {}): string => renderTemplate(template({ textBody: source }), values).textBody;
const html = (source: string, values = {}): string => renderTemplate(template({ htmlBody: source }), values).htmlBody;

function errorOf(render: () => unknown): TemplateError {
  try {
    render();
  } catch (error) {
    if (error instanceof TemplateError) return error;
    throw error;
  }
  throw new Error('There was no error.');
}

describe('macros', () => {
  test('are filled in, in every part', () => {
    const content = renderTemplate(template({ subject: 'S {{Name}}', textBody: 'T {{ Name }}', htmlBody: '<p>H {{Name}}</p>' }), { Name: 'ada' });
    expect(content).toEqual({ subject: 'S ada', textBody: 'T ada\n', htmlBody: '<p>H ada</p>', warnings: [] });
  });

  test('that are unknown, null or blank render as nothing and count as absent', () => {
    expect(text('[{{ Unknown }}{{ Null }}{{ Blank }}{% if Blank %}no{% endif %}{% if Null %}no{% endif %}]', { Null: null, Blank: '  ' })).toBe('[]\n');
  });

  test('of numbers and booleans render as they are written in JSON', () => {
    expect(text('{{ Zero }} {{ Half }} {{ No }}', { Zero: 0, Half: 0.5, No: false })).toBe('0 0.5 false\n');
  });

  test('of times can be formatted, in UTC whatever the time zone of the machine', () => {
    expect(text('{{ At | date: "%-d %b %Y, %H:%M" }}', { At: '2026-03-14T23:30:00-05:00' })).toBe('15 Mar 2026, 04:30\n');
  });

  test('do not change the values of the caller', () => {
    const values = Object.freeze({ Name: 'ada' });
    expect(text('{% assign Name = "x" %}{{ Name }}', values)).toBe('x\n');
    expect(values).toEqual({ Name: 'ada' });
  });

  test('are listed by name without those that the template makes itself', () => {
    const source = template({ subject: '{{ B }}', textBody: '{% assign own = A %}{{ own }}', htmlBody: '{% for i in (1..C) %}{{ i }}{% endfor %}' });
    expect(templateMacros(source)).toEqual(['A', 'B', 'C']);
  });
});

describe('the HTML body', () => {
  const EVIL = '<img src=x onerror="alert(1)">&\'';
  const ESCAPED = '&lt;img src=x onerror=&quot;alert(1)&quot;&gt;&amp;&#39;';

  test.each([
    '{{ V }}', '{{ V | raw }}', '{{ V | escape }}', '{{ V | escape_once }}', '{{ V | append: "" | raw }}', '{% echo V %}', '{% echo V | raw %}',
    '{% assign v = V | raw %}{{ v }}', '{% liquid echo V | raw %}', '{{ V | split: "|" }}', '{{ V | newline_to_br }}', '{{ Unknown | default: V }}',
    '{% for v in V %}{{ v | raw }}{% endfor %}', '{% if V %}{{ V }}{% endif %}',
  ])('escapes the value in %s', (source) => expect(html(`<p>${source}</p>`, { V: EVIL })).toBe(`<p>${ESCAPED}</p>`));

  test.each(['{% capture c %}{{ V }}{% endcapture %}{{ c }}', '{{ V | newline_to_br | append: "" }}', '{{ V | url_encode }}', '{{ V | slice: 0, 4 }}'])(
    'lets no markup through %s',
    (source) => expect(html(`<p>${source}</p>`, { V: EVIL })).not.toMatch(/<img|"/),
  );

  test('keeps the lines of a value with newline_to_br, and escapes them', () => {
    expect(html('{{ V | newline_to_br }}', { V: 'a <b>\nc' })).toBe('a &lt;b&gt;<br>\nc');
  });

  test('keeps the markup of the template itself', () => expect(html('<b title="&amp;">{{ V }}</b>', { V: 'x' })).toBe('<b title="&amp;">x</b>'));

  test('is made from the text when there is none', () => {
    const content = renderTemplate(template({ subject: 'A & B', textBody: 'Hello <{{ V }}>', htmlBody: null }), { V: EVIL });
    expect(content.htmlBody).toContain('<title>A &amp; B</title>');
    expect(content.htmlBody).toContain(`Hello &lt;${ESCAPED}&gt;`);
    expect(content.warnings).toEqual([]);
  });

  test('is made from the text, with a warning, when it renders blank', () => {
    const content = renderTemplate(template({ textBody: 'The text', htmlBody: '{{ Unknown }}' }), {});
    expect(content.htmlBody).toContain('The text');
    expect(content.warnings).toEqual(['The HTML body rendered blank; it was made from the text.']);
  });
});

describe('the text body', () => {
  test('has values as they are', () => expect(text('{{ V }}', { V: '<b> & "c"' })).toBe('<b> & "c"\n'));

  test('has line feeds only, no trailing blanks, no controls and at most one blank line', () => {
    expect(text('a  \r\n\r\n\r\n\r\nb\r{{ V }}\n-- \nc\n\n', { V: 'x\u0007\u001b[31m\u0000\u0085y\u2028z' })).toBe('a\n\nb\nx[31my\nz\n-- \nc\n');
  });

  test('wraps prose at 78 characters, and leaves long words and columns whole', () => {
    const url = `https://appliance.example.com/${'x'.repeat(100)}`;
    const columns = `${'name'.padEnd(60)}  ${'value'.padEnd(40)}  end`;
    const wrapped = text(`${'word '.repeat(40)}\n${url}\n${columns}\n- ${'item '.repeat(30)}\nReason:   ${'because '.repeat(20)}`);
    const lines = wrapped.split('\n');
    expect(lines.filter((line) => line.length > 78)).toEqual([url, columns]);
    expect(lines.filter((line) => line.startsWith('  item'))).toHaveLength(1);
    expect(lines.filter((line) => line.startsWith('          because'))).toHaveLength(2);
  });

  test('falls back to the subject when it renders blank', () => {
    const content = renderTemplate(template({ textBody: '{{ Unknown }}' }), {});
    expect(content.textBody).toBe('Subject\n');
    expect(content.warnings).toEqual(['The text rendered blank; the subject is used instead.']);
  });
});

describe('the subject', () => {
  test.each(['\r\nBcc: eve@example.com', '\nBcc: eve@example.com', '\rBcc: eve@example.com', '\u2028Bcc: eve@example.com', '\u2029Bcc: eve@example.com',
    '\u0000\u000b\u000c\u0085Bcc: eve@example.com', ' \t Bcc: eve@example.com'])('is one line with %j in a value', (value) => {
    const rendered = subject('Failed: {{ V }}', { V: `x${value}` });
    expect(rendered).toMatch(/^[\x20-\x7e]+$/);
    expect(rendered).toMatch(/^Failed: x ?Bcc: eve@example\.com$/);
  });

  test('is one line when the template has several', () => expect(subject('{% if true %}\n a\r\n\t b \n{% endif %}', {})).toBe('a b'));

  test('is cut at 255 characters with an ellipsis and a warning, never inside a character', () => {
    const content = renderTemplate(template({ subject: '{{ V }}' }), { V: '\u{1F512}'.repeat(400) });
    expect(Array.from(content.subject)).toHaveLength(255);
    expect(content.subject.isWellFormed()).toBe(true);
    expect(content.subject.endsWith('...')).toBe(true);
    expect(content.warnings).toEqual(['The subject was too long and was cut.']);
  });

  test('is never blank', () => {
    const content = renderTemplate(template({ subject: '{{ Unknown }}' }), { EventDisplayName: 'Password Check\nFailed' });
    expect(content.subject).toBe('Password Check Failed');
    expect(content.warnings).toEqual(['The subject rendered blank; the name of the event is used instead.']);
    expect(subject(' ', {})).toBe('Notification');
  });

  test('replaces lone surrogates', () => expect(subject('a {{ V }}', { V: 'b\ud800' })).toBe('a b\ufffd'));
});

describe('errors', () => {
  test('of syntax tell the part, the place and the line', () => {
    const error = errorOf(() => html('<p>\n  {{ A }}\n  {% if B %}\n</p>'));
    expect(error).toMatchObject({ code: 'TEMPLATE_SYNTAX', kind: 'invalid', part: 'htmlBody', line: 3, column: 3, lineText: '  {% if B %}' });
    expect(error.errors).toEqual([{ pointer: '/htmlBody', message: error.message, line: error.line, column: error.column, lineText: error.lineText }]);
    expect(error.message).toMatch(/^Tag {% if B %} not closed \(line 3, column 3: {% if B %}\)$/);
    expect(error.cause).toBeInstanceOf(Error);
  });

  test.each([['{{ A | nofilter }}', 'There is no filter "nofilter" here'], ['{% nosuch %}', 'There is no tag "nosuch" here']])('%s: %s', (source, reason) => {
    expect(errorOf(() => text(`first\n${source}`))).toMatchObject({ code: 'TEMPLATE_SYNTAX', part: 'textBody', line: 2, column: 1, reason });
  });

  test('of syntax are found each time, although parsed templates are kept', () => {
    for (let round = 0; round < 2; round += 1) expect(errorOf(() => subject('{{', {})).part).toBe('subject');
  });
});

describe('checking before saving', () => {
  const KNOWN = ['AccountName', 'AssetName', 'EventTimestamp'];

  test('warns of macros that are no properties and names the one that was probably meant', () => {
    expect(unknownMacros(template({ subject: '{{ AcountName }} {{ AssetName }}', textBody: '{{ Xyz }}' }), KNOWN)).toEqual([
      '{{ AcountName }} is not a property of this event type and renders blank unless an event carries it. Did you mean `AccountName`?',
      '{{ Xyz }} is not a property of this event type and renders blank unless an event carries it.',
    ]);
  });

  test('finds nothing to say about a good template', () => {
    expect(unknownMacros(template({ textBody: '{% for i in (1..2) %}{{ i }}{{ AccountName }}{% endfor %}' }), KNOWN)).toEqual([]);
  });

  test('says no more than a reader can take in', () => {
    const many = Array.from({ length: 1000 }, (_, index) => `{{ Unknown${index} }}`).join('');
    expect(unknownMacros(template({ textBody: many }), KNOWN)).toHaveLength(20);
  });

  test('throws for what cannot be parsed', () => expect(() => unknownMacros(template({ textBody: '{% if %}' }), KNOWN)).toThrow(TemplateError));
});
