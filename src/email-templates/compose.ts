import type { EventType } from '../event-types/event-type.js';
import { ACCENTS, type Accent } from './accents.js';
import type { Draft } from './draft.js';
import { eventFacts, FACTS, type Fact } from './facts.js';
import { escapeHtml } from './html-text.js';
import * as layout from './layout.js';
import type { TemplateText } from './render.js';

const LIQUID = /(\{\{.*?\}\}|\{%.*?%\})/s;

/** Text as Liquid source that renders to just that text. */
export const literal = (text: string): string => text.replace(/\{(?=[{%])/g, '{ ').replace(/\s+/g, ' ').trim();

/** Liquid source of a text as Liquid source of HTML: what stands between the macros and tags is escaped. */
const asHtml = (source: string): string =>
  source.split(LIQUID).map((piece, index) => (index % 2 ? piece : escapeHtml(piece))).join('');

const DEFAULT_ACTION = { label: 'Open audit log', property: 'AuditLogUri' };

/** The facts of a draft that its type declares, so that a template has no macro that would be warned of when it is saved. */
function factsOf(type: EventType, draft: Draft): Fact[] {
  const declared = new Set(type.properties.map(({ name }) => name));
  const own = (draft.facts ?? []).filter((fact) => typeof fact !== 'string' || declared.has(fact));
  return [
    ...own.map((fact) => (typeof fact === 'string' ? FACTS[fact] : fact)),
    ...eventFacts(declared.has('ApplianceName')),
    { label: 'Event type', value: literal(type.name), when: '' },
  ];
}

const footerOf = (type: EventType): string =>
  `You receive this e-mail because your address is subscribed to "${literal(type.displayName)}" events.`
  + ' An administrator can change that under event subscriptions.';

const onlyIf = (condition: string, source: string): string => (condition ? `{% if ${condition} -%}\n${source}\n{% endif -%}` : source);

function textFact({ label, value, when, multiline }: Fact, width: number): string {
  const prefix = `${label}:`.padEnd(width);
  // The lines of a long value stay in the value's column.
  const aligned = multiline ? value.replace(/ \}\}$/, ` | replace: "\\n", "\\n${' '.repeat(width)}" }}`) : value;
  return onlyIf(when, prefix + aligned);
}

function textBody(type: EventType, draft: Draft, accent: Accent): string {
  const { label, property } = draft.action ?? DEFAULT_ACTION;
  const facts = factsOf(type, draft);
  const width = Math.max(...facts.map((fact) => fact.label.length)) + 3;
  const news = [`[${ACCENTS[accent].label}] ${draft.heading}`, draft.lead, draft.meaning, draft.next && `What to do next: ${draft.next}`];
  const action = `{% if ${property} -%}\n${label}:\n{{ ${property} }}\n\n{% endif -%}`;
  const table = facts.map((fact) => textFact(fact, width)).join('\n');
  return `${news.filter(Boolean).join('\n\n')}\n\n${action}\n${table}\n\n-- \n${footerOf(type)}\n`;
}

/** A link only for web addresses: whoever publishes an event must not be able to make one that runs a script. */
const htmlAction = ({ label, property }: { label: string; property: string }): string =>
  `{% assign _address = ${property} | split: "://" %}{% assign _scheme = _address[0] %}\n`
  + `{% if _address.size > 1 %}{% if _scheme == "https" or _scheme == "http" -%}\n${layout.button(asHtml(label), `{{ ${property} }}`)}\n{% endif %}{% endif -%}`;

function htmlFact({ label, value, when, multiline }: Fact): string {
  const html = asHtml(multiline ? value.replace(/ \}\}$/, ' | newline_to_br }}') : value);
  return onlyIf(when, layout.factRow(asHtml(label), html));
}

function htmlBody(type: EventType, draft: Draft, accent: Accent): string {
  return layout.page({
    title: asHtml(draft.heading),
    preheader: asHtml(draft.lead),
    accent,
    heading: asHtml(draft.heading),
    body: [
      layout.paragraph(asHtml(draft.lead)),
      ...(draft.meaning ? [layout.paragraph(asHtml(draft.meaning))] : []),
      ...(draft.next ? [layout.advice(asHtml(draft.next))] : []),
      htmlAction(draft.action ?? DEFAULT_ACTION),
      layout.factsTable(factsOf(type, draft).map(htmlFact)),
    ],
    footer: asHtml(footerOf(type)),
  });
}

/** The words of a name in ASCII: letters lose their accents, and what has no ASCII form is left out. */
const toAscii = (text: string): string => literal(text.normalize('NFKD').replace(/[^\x20-\x7e]/g, ''));

/** The template of an event type, made from its draft: ordinary Liquid source that an administrator can read and edit. */
export function compose(type: EventType, draft: Draft): TemplateText {
  const accent = draft.accent ?? type.level;
  return {
    subject: `${toAscii(type.displayName) || toAscii(type.name)}${draft.subject ?? ''}`,
    textBody: textBody(type, draft, accent),
    htmlBody: htmlBody(type, draft, accent),
    replyTo: null,
  };
}
