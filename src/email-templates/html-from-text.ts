import { escapeHtml, linkUrls } from './html-text.js';
import { factRow, factsTable, list, page, paragraph } from './layout.js';

const BULLET = /^\s*[-*]\s+/;
const NUMBER = /^\s*\d+[.)]\s+/;
/** A label in a column of its own: "Asset:   db-prod-01". */
const FACT = /^([^\s:][^:]{0,38}):\s{2,}(\S.*)$/;

function blockToHtml(block: string): string {
  const lines = block.split('\n').filter((line) => line.trim());
  for (const [mark, tag] of [[BULLET, 'ul'], [NUMBER, 'ol']] as const) {
    if (lines.every((line) => mark.test(line))) return list(lines.map((line) => linkUrls(line.replace(mark, ''))), tag);
  }
  const facts = lines.map((line) => FACT.exec(line));
  if (facts.every((fact) => fact !== null)) return factsTable(facts.map((fact) => factRow(escapeHtml(fact[1]!), linkUrls(fact[2]!))));
  return paragraph(lines.map((line) => linkUrls(line.trim())).join('<br>\n'));
}

/** RFC 3676 section 4.3: what follows a line of two hyphens and a blank is the signature. */
const SIGNATURE = /\n-- ?\n/;

/**
 * An HTML mail that shows a plain text: blank lines part paragraphs, lines that all begin with a hyphen, an asterisk or a number are a list,
 * lines that all have a label in a column are a table, http and https URLs are links, and a signature is the footer.
 * Whatever the text contains, none of it is taken for markup.
 */
export function htmlFromText(subject: string, text: string): string {
  const [main = '', ...signature] = text.split(SIGNATURE);
  const body = main.split(/\n{2,}/).filter((block) => block.trim()).map(blockToHtml);
  const footer = signature.join('\n').split('\n').map((line) => linkUrls(line.trim())).join('<br>\n');
  return page({ title: escapeHtml(subject), heading: escapeHtml(subject), body, footer });
}
