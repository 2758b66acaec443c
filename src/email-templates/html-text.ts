const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', '\'': '&#39;' };

/** Text as HTML that shows exactly that text, also inside a quoted attribute. */
export const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, (character) => ENTITIES[character]!);

const URL_IN_TEXT = /https?:\/\/[^\s<>"']+/g;
/** Full stops and brackets at the end of a URL usually belong to the sentence around it. */
const AFTER_URL = /[.,;:!?)\]}]+$/;

/** Escaped text in which http and https URLs, and nothing else, are links. */
export function linkUrls(text: string): string {
  let html = '';
  let end = 0;
  for (const match of text.matchAll(URL_IN_TEXT)) {
    const url = match[0].replace(AFTER_URL, '');
    html += `${escapeHtml(text.slice(end, match.index))}<a href="${escapeHtml(url)}">${escapeHtml(url)}</a>`;
    end = match.index + url.length;
  }
  return html + escapeHtml(text.slice(end));
}
