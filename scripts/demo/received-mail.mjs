import { simpleParser } from 'mailparser';
import { beginStep, quote, say, table } from './page.mjs';

const HTML_LINES = 40;
const HTML_WIDTH = 100;

/** Lists what the mail catcher has, and shows one mail in full: headers, text, HTML. */
export async function showMail({ mails }) {
  beginStep('Look at what arrived');
  table(mails.map(({ from, to, tls, raw }, index) => ({ mail: index + 1, from, to: to.join(', '), TLS: tls ? 'yes' : 'no', bytes: raw.length })));
  const { raw } = mails.find(({ to }) => to.includes('alice@example.com'));
  const { headerLines, text, html } = await simpleParser(raw, { skipTextToHtml: true });
  say('The one for Alice:');
  quote('headers', headerLines.map(({ line }) => line.replaceAll('\r', '')).join('\n'));
  quote('text body', text);
  const lines = readable(html);
  const shown = lines.length > HTML_LINES ? `the first ${HTML_LINES} of ${lines.length} lines` : 'all lines';
  quote(`HTML body, ${Buffer.byteLength(html)} bytes; ${shown}, with the styles left out`, lines.slice(0, HTML_LINES).join('\n'));
}

/** The lines of an HTML mail for a terminal: each short, and without styles, which are most of it because mail programs want them in line. */
function readable(html) {
  const plain = html.trimEnd().replace(/(<style[^>]*>)[^]*?(<\/style>)/g, '$1…$2').replace(/ style="[^"]*"/g, '');
  return plain.split('\n').map((line) => (line.length > HTML_WIDTH ? `${line.slice(0, HTML_WIDTH - 1)}…` : line));
}
