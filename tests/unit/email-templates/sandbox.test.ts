import { describe, expect, test } from '@jest/globals';
import { macrosOf, renderPart } from '../../../src/email-templates/liquid.js';
import { TemplateCache } from '../../../src/email-templates/template-cache.js';
import { TemplateError } from '../../../src/email-templates/template-error.js';
import { presentValues } from '../../../src/email-templates/values.js';

const render = (source: string, values: Record<string, string | number | boolean> = {}): string => renderPart(source, 'textBody', values);

function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof TemplateError) return error.code;
    throw error;
  }
  return 'none';
}

describe('what a template can reach', () => {
  test.each([
    '{% include "/etc/passwd" %}', '{% render "/etc/passwd" %}', '{% layout "/etc/passwd" %}', '{% block x %}{% endblock %}', '{% cycle V %}',
    '{% tablerow i in (1..2) %}{% endtablerow %}', '{% increment V %}',
  ])('%s is refused', (source) => expect(codeOf(() => render(source))).toBe('TEMPLATE_SYNTAX'));

  test.each(['where_exp: "x", "x"', 'json', 'inspect', 'url_decode', 'sample', 'base64_decode', 'map: "x"'])('the filter %s is refused', (filter) => {
    expect(codeOf(() => render(`{{ V | ${filter} }}`))).toBe('TEMPLATE_SYNTAX');
  });

  test.each([
    'constructor', '__proto__', 'toString', 'hasOwnProperty', 'V.constructor', 'V.__proto__', 'V.constructor.constructor', 'V["constructor"]',
    'V.toString', 'V.length.constructor', 'process', 'global', 'globalThis', 'require',
  ])('{{ %s }} is nothing', (macro) => expect(render(`[{{ ${macro} }}]`, { V: 'text' })).toBe('[]'));

  test('a value named __proto__ is a value like any other', () => {
    expect(renderPart('{{ __proto__ }}', 'textBody', Object.fromEntries([['__proto__', 'x']]))).toBe('x');
  });

  test('nothing of one rendering is left in the next', () => {
    expect(render('{% assign left = "x" %}{% capture also %}y{% endcapture %}{{ left }}{{ also }}')).toBe('xy');
    expect(render('[{{ left }}{{ also }}]')).toBe('[]');
  });
});

describe('what a template can use up', () => {
  const DOUBLINGS = '{% assign a = a | append: a %}'.repeat(60);
  test.each([
    ['a range beyond all measure', '{% for i in (1..100000000) %}{{ i }}{% endfor %}'],
    ['loops in loops', '{% for i in (1..100000) %}{% for j in (1..100000) %}{% endfor %}{% endfor %}'],
    ['doubling by a filter', `{% assign a = "xxxxxxxxxx" %}${DOUBLINGS}`],
    ['doubling by capture', `{% assign a = "xxxxxxxxxx" %}${'{% capture a %}{{ a }}{{ a }}{% endcapture %}'.repeat(60)}`],
    ['a large value written over and over', '{% for i in (1..100000) %}{{ V }}{% endfor %}'],
    ['large literal text written over and over', `{% for i in (1..100000) %}${'x'.repeat(10_000)}{% endfor %}`],
    ['a replacement that multiplies', '{% assign a = V | replace: "x", V %}{{ a | replace: "x", V }}'],
    ['a padded date', '{{ "now" | date: "%999999999Y" }}'],
    ['a time beyond all measure', '{% for i in (1..3000) %}{% for j in (1..3000) %}{% if V contains "y" %}{% endif %}{% endfor %}{% endfor %}'],
    ['nesting beyond all measure', `${'{% if V %}'.repeat(6000)}`],
    ['a source beyond all measure', 'x'.repeat(65_537)],
  ])('%s is stopped soon', (_what, source) => {
    const start = performance.now();
    expect(codeOf(() => render(source, { V: 'x'.repeat(4096) }))).toMatch(/^TEMPLATE_(LIMIT|SYNTAX)$/);
    expect(performance.now() - start).toBeLessThan(5000);
  });

  test('the limits tell themselves from errors of syntax', () => {
    expect(codeOf(() => render('{% for i in (1..100000000) %}{% endfor %}'))).toBe('TEMPLATE_LIMIT');
    expect(codeOf(() => render('x'.repeat(65_537)))).toBe('TEMPLATE_LIMIT');
  });

  test('the longest template that may be saved renders', () => {
    const text = 'x'.repeat(58);
    const source = `{{ V }}${text}`.repeat(1_000);
    expect(renderPart(source, 'htmlBody', { V: '<&>' })).toBe(`&lt;&amp;&gt;${text}`.repeat(1_000));
    expect(codeOf(() => renderPart(`${source}{{ V }}`, 'htmlBody', {}))).toBe('TEMPLATE_LIMIT');
  });

  test('macros of a template that cannot be parsed are an error too', () => expect(codeOf(() => macrosOf('{{ a', 'htmlBody'))).toBe('TEMPLATE_SYNTAX'));
});

describe('values', () => {
  test('are cut at 4,096 characters, never inside a character', () => {
    const { V } = presentValues({ V: `${'x'.repeat(4095)}\u{1F512}yz` });
    expect(V).toBe(`${'x'.repeat(4095)}\ufffd...`);
  });

  test('keep zero and false, and lose null and blanks', () => {
    expect(presentValues({ a: 0, b: false, c: null, d: ' \n', e: 'x' })).toEqual({ a: 0, b: false, e: 'x' });
  });
});

describe('parsed templates', () => {
  test('are kept for the keys that were used last', () => {
    const cache = new TemplateCache<object>(2);
    const first = cache.get('a', () => ({}));
    cache.get('b', () => ({}));
    expect(cache.get('a', () => ({}))).toBe(first);
    cache.get('c', () => ({}));
    expect(cache.size).toBe(2);
    expect(cache.get('a', () => ({}))).toBe(first);
    const made: string[] = [];
    cache.get('b', () => { made.push('b'); return {}; });
    expect(made).toEqual(['b']);
  });

  test('are not kept when they cannot be made', () => {
    const cache = new TemplateCache<object>(2);
    expect(() => cache.get('a', () => { throw new Error('no'); })).toThrow('no');
    expect(cache.size).toBe(0);
  });

  test('of text and HTML with the same source are not mixed up', () => {
    expect(renderPart('{{ V }}', 'textBody', { V: '<' })).toBe('<');
    expect(renderPart('{{ V }}', 'htmlBody', { V: '<' })).toBe('&lt;');
    expect(renderPart('{{ V }}', 'subject', { V: '<' })).toBe('<');
  });
});
