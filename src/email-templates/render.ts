import { htmlFromText } from './html-from-text.js';
import { macrosOf, renderPart, type MacroValue } from './liquid.js';
import { oneLine, presentable, shorten, tidyText, wrapText } from './plain-text.js';
import { presentValues } from './values.js';

export { TEMPLATE_PARTS, TemplateError } from './template-error.js';

/** What an administrator writes: Liquid source. */
export interface TemplateText {
  /** 1 to 1,024 characters. */
  subject: string;
  /** 1 to 16,384 characters. */
  textBody: string;
  /** At most 65,536 characters; null: made from the rendered text. */
  htmlBody: string | null;
  replyTo: string | null;
}

/** What subscribers get: text that any database and any mail can hold. */
export interface RenderedContent {
  /** One line of at most 255 characters, never blank. */
  subject: string;
  /** Lines of at most 78 characters where words allow it, ended by line feeds. */
  textBody: string;
  htmlBody: string;
  /** What was amended to make a mail of it, in sentences. */
  warnings: string[];
}

const eventNameIn = ({ EventDisplayName = '', EventName = '' }: Record<string, MacroValue>): string => oneLine(String(EventDisplayName)) || oneLine(String(EventName)) || 'Notification';

function renderSubject(source: string, values: Record<string, MacroValue>, warnings: string[]): string {
  const subject = oneLine(renderPart(source, 'subject', values));
  if (!subject) warnings.push('The subject rendered blank; the name of the event is used instead.');
  const shortened = shorten(subject || eventNameIn(values));
  if (subject && shortened !== subject) warnings.push('The subject was too long and was cut.');
  return shortened;
}

function renderText(source: string, values: Record<string, MacroValue>, subject: string, warnings: string[]): string {
  const text = tidyText(renderPart(source, 'textBody', values));
  if (!text) warnings.push('The text rendered blank; the subject is used instead.');
  return text || subject;
}

function renderHtml(source: string | null, values: Record<string, MacroValue>, subject: string, text: string, warnings: string[]): string {
  if (source === null) return htmlFromText(subject, text);
  const html = presentable(renderPart(source, 'htmlBody', values)).trim();
  if (!html) warnings.push('The HTML body rendered blank; it was made from the text.');
  return html || htmlFromText(subject, text);
}

/**
 * Fills a template with the properties of an event. Null and blank values count as absent.
 * Throws a TemplateError when a part cannot be parsed or needs more time or memory than it may.
 */
export function renderTemplate(template: TemplateText, values: Readonly<Record<string, MacroValue | null>>): RenderedContent {
  const present = presentValues(values);
  const warnings: string[] = [];
  const subject = renderSubject(template.subject, present, warnings);
  const text = renderText(template.textBody, present, subject, warnings);
  const htmlBody = renderHtml(template.htmlBody, present, subject, text, warnings);
  return { subject, textBody: `${wrapText(text)}\n`, htmlBody, warnings };
}

/** The macros that a template uses, by name, each once and sorted. Throws a TemplateError when a part cannot be parsed. */
export function templateMacros(template: TemplateText): string[] {
  const parts = [macrosOf(template.subject, 'subject'), macrosOf(template.textBody, 'textBody')];
  if (template.htmlBody !== null) parts.push(macrosOf(template.htmlBody, 'htmlBody'));
  return [...new Set(parts.flat())].sort();
}
