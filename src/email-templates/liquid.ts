import { CaptureTag, Liquid, toValue, type Context, type Emitter, type Template } from 'liquidjs';
import { escapeHtml } from './html-text.js';
import { type DateFilter, withNamesOfDates } from './liquid-date.js';
import { TemplateCache } from './template-cache.js';
import { toTemplateError } from './liquid-error.js';
import type { TemplatePart } from './template-error.js';

export type MacroValue = string | number | boolean;

/** Characters of source, the longest part that a template may have. */
const PARSE_LIMIT = 65_536;
/** Milliseconds for one part. A usual one takes about one; this leaves room for a busy machine and still frees the event loop soon. */
const RENDER_LIMIT_MS = 1000;
/** Characters and list items that one rendering may make, its output included. */
const MEMORY_LIMIT = 4_000_000;
/** Characters of a rendered part: ten times what readers of mail show at once. */
const RESULT_LIMIT = 1_000_000;

/** Everything else is refused: tags that read files (include, render, layout, block) and those that write a value past the escaping (cycle). */
const TAGS = ['assign', 'capture', 'case', 'comment', 'for', 'break', 'continue', 'if', 'unless', 'raw', 'echo', 'liquid', '#'];

/** Filters that take time in proportion to their input and evaluate no code of their own. */
const FILTERS = [
  'abs', 'append', 'at_least', 'at_most', 'capitalize', 'ceil', 'concat', 'date', 'default', 'divided_by', 'downcase', 'escape', 'escape_once',
  'first', 'floor', 'join', 'last', 'lstrip', 'minus', 'modulo', 'newline_to_br', 'plus', 'prepend', 'raw', 'remove', 'remove_first', 'replace',
  'replace_first', 'reverse', 'round', 'rstrip', 'size', 'slice', 'sort', 'split', 'strip', 'strip_html', 'strip_newlines', 'times', 'truncate',
  'truncatewords', 'uniq', 'upcase', 'url_encode', 'xml_escape',
];

const keepOnly = (table: Record<string, unknown>, names: string[]): void =>
  Object.keys(table).filter((name) => !names.includes(name)).forEach((name) => delete table[name]);

/** Counts what is written, also into captures, which the engine's own memory limit overlooks. */
class CountingEmitter implements Emitter {
  buffer = '';

  constructor(private readonly context: Context) {}

  write(text: unknown): void {
    const added = textOf(text);
    this.context.memoryLimit.use(added.length);
    this.buffer += added;
  }
}

/** What is written for a value; the engine's own objects, such as `forloop`, have no text. */
function textOf(input: unknown): string {
  const value: unknown = toValue(input);
  if (typeof value === 'string') return value;
  if (Array.isArray(value)) return value.map(textOf).join('');
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : '';
}

function createEngine(outputEscape: (value: unknown) => string): Liquid {
  const engine = new Liquid({
    outputEscape, ownPropertyOnly: true, strictFilters: true, dynamicPartials: false, relativeReference: false, templates: {},
    parseLimit: PARSE_LIMIT, renderLimit: RENDER_LIMIT_MS, memoryLimit: MEMORY_LIMIT, timezoneOffset: 0, locale: 'en-US',
  });
  keepOnly(engine.tags, TAGS);
  keepOnly(engine.filters, FILTERS);
  // `raw` is known, so that templates from elsewhere still work, but it does not switch the escaping off.
  engine.registerFilter('raw', (value: unknown) => value);
  engine.registerFilter('date', withNamesOfDates(engine.filters['date'] as DateFilter));
  const { renderer } = engine;
  const renderTemplates = renderer.renderTemplates.bind(renderer);
  renderer.renderTemplates = (templates, context, emitter = new CountingEmitter(context)) => renderTemplates(templates, context, emitter);
  return engine;
}

/** HTML: each value is escaped once, when it is written, whatever filters it went through. */
function createHtmlEngine(): Liquid {
  const engine = createEngine((value) => escapeHtml(textOf(value)));
  for (const name of ['escape', 'escape_once', 'xml_escape']) engine.registerFilter(name, (value: unknown) => value);
  // What is captured is a value, escaped when that is written: so not by the tags within.
  engine.registerTag('capture', class extends CaptureTag {
    constructor(...[token, remaining]: ConstructorParameters<typeof CaptureTag>) {
      super(token, remaining, textEngine, textEngine.parser);
    }
  });
  engine.registerFilter('newline_to_br', { raw: true, handler: (value: unknown) => escapeHtml(textOf(value)).replace(/\r?\n/g, '<br>\n') });
  return engine;
}

const textEngine = createEngine(textOf);
const htmlEngine = createHtmlEngine();
const engineOf = (part: TemplatePart): Liquid => (part === 'htmlBody' ? htmlEngine : textEngine);

/** The same few templates are rendered for most events. Parsed, a character takes about a hundred bytes at most. */
const parsed = { html: new TemplateCache<Template[]>(1_000_000), text: new TemplateCache<Template[]>(1_000_000) };
const known = { html: new TemplateCache<string[]>(1_000_000), text: new TemplateCache<string[]>(1_000_000) };
const kindOf = (part: TemplatePart): 'html' | 'text' => (part === 'htmlBody' ? 'html' : 'text');

/** Macros and tags of one part: to look through them takes time that grows with the square of their number. */
const MAX_TAGS = 1_000;

function parse(source: string, part: TemplatePart): Template[] {
  const tags = source.match(/\{[{%]/g)?.length ?? 0;
  if (tags > MAX_TAGS) throw new RangeError(`tag limit exceeded: ${tags}`);
  return engineOf(part).parse(source);
}

/** Parses a part of a template, or finds it already parsed. Throws a TemplateError. */
function parsePart(source: string, part: TemplatePart): Template[] {
  try {
    return parsed[kindOf(part)].get(source, () => parse(source, part));
  } catch (error) {
    throw toTemplateError(error, 'TEMPLATE_SYNTAX', part, source);
  }
}

/** Renders a part of a template with its values: HTML-escaped in `htmlBody`, as they are in the others. Throws a TemplateError. */
export function renderPart(source: string, part: TemplatePart, values: Readonly<Record<string, MacroValue>>): string {
  const templates = parsePart(source, part);
  try {
    // A copy without a prototype: the template sees nothing but the values, and changes none of the caller's.
    const text = textOf(engineOf(part).renderSync(templates, Object.assign(Object.create(null) as object, values)));
    if (text.length > RESULT_LIMIT) throw new RangeError(`result limit exceeded: ${RESULT_LIMIT.toLocaleString('en-US')}`);
    return text;
  } catch (error) {
    throw toTemplateError(error, 'TEMPLATE_RENDER', part, source);
  }
}

/** The names that a part of a template takes from outside, each once. Throws a TemplateError when it cannot be parsed. */
export function macrosOf(source: string, part: TemplatePart): string[] {
  const templates = parsePart(source, part);
  return known[kindOf(part)].get(source, () => engineOf(part).globalVariablesSync(templates));
}
