import { ACCENTS, type Accent } from './accents.js';

const FONTS = '-apple-system, BlinkMacSystemFont, \'Segoe UI\', Roboto, Helvetica, Arial, sans-serif';

const PLAIN = 'cellpadding="0" cellspacing="0" border="0"';
const HEADING = 'margin:0 0 16px; font-size:24px; line-height:31px; font-weight:600; color:#18212c; overflow-wrap:anywhere';

/** What a mail shows. All but `accent` is HTML, or Liquid source that renders to HTML: whoever calls has escaped it. */
export interface Page {
  title: string;
  /** What a list of mails shows behind the subject; it is not seen in the mail itself. */
  preheader?: string;
  /** The coloured bar and its label; none for a mail whose level is not known. */
  accent?: Accent;
  heading: string;
  /** Blocks made by the functions of this file. */
  body: string[];
  footer: string;
}

/** Rules that mail programs without support for them do without: the inline styles alone give a complete light mail. */
function styleSheet(accent: Accent | undefined): string {
  const dark = accent && ACCENTS[accent];
  return `<style>
  :root { color-scheme: light dark; supported-color-schemes: light dark; }
  table, td, th, p, h1, h2, li, a { font-family: ${FONTS}; }
  .facts th, .facts td { font-size: 14px; line-height: 21px; }
  .ink a { color: #1d4f91; }
  .quiet a { color: inherit; }
  .button a:hover { background: #1a4480 !important; }
  @media (max-width: 599px) {
    .outer { padding: 12px 8px !important; }
    .pad { padding: 24px 20px !important; }
    .facts th { width: 96px !important; padding-right: 10px !important; }
    .button { width: 100% !important; }
    .button a { display: block !important; text-align: center !important; }
  }
  @media (prefers-color-scheme: dark) {
    .page { background: #12161c !important; }
    .card { background: #1d232b !important; border-color: #343c47 !important; }
    .ink { color: #eef1f5 !important; }
    .quiet, .quiet a { color: #a9b3bf !important; }
    .rule, .facts th, .facts td { border-color: #343c47 !important; }
    .next { background: #262e38 !important; }
    .ink a { color: #9cc4ff !important; }${dark ? `
    .label { background: ${dark.darkTint} !important; color: ${dark.darkInk} !important; }` : ''}
  }
</style>`;
}

const head = (page: Page): string => `<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="supported-color-schemes" content="light dark">
<meta name="format-detection" content="telephone=no, date=no, address=no, email=no">
<title>${page.title}</title>
${styleSheet(page.accent)}
</head>`;

const preheader = (text: string): string =>
  `<div style="display:none; max-height:0; overflow:hidden; mso-hide:all; font-size:1px; line-height:1px; color:#eef1f5">${text}</div>\n`;

function bar(accent: Accent | undefined): string {
  const colour = accent ? ACCENTS[accent].bar : '#5b6b7f';
  return `<tr><td style="height:5px; line-height:5px; font-size:0; border-radius:8px 8px 0 0; background:${colour}">&nbsp;</td></tr>`;
}

function label(accent: Accent): string {
  const { label: text, ink, tint } = ACCENTS[accent];
  const shape = 'display:inline-block; padding:3px 10px; border-radius:10px; font-size:13px; line-height:18px; font-weight:600';
  return `<p style="margin:0 0 14px"><span class="label" style="${shape}; background:${tint}; color:${ink}">${text}</span></p>\n`;
}

/** A complete HTML mail of at most 600 pixels' width, from one paragraph to the facts of an event. */
export function page(content: Page): string {
  return `<!DOCTYPE html>
<html lang="en">
${head(content)}
<body class="page" style="margin:0; padding:0; background:#eef1f5; font-family:${FONTS}; -webkit-text-size-adjust:100%">
${content.preheader ? preheader(content.preheader) : ''}<table role="presentation" class="page" width="100%" ${PLAIN} style="background:#eef1f5">
<tr><td class="outer" align="center" style="padding:32px 16px">
<!--[if mso]><table role="presentation" width="600" ${PLAIN}><tr><td><![endif]-->
<table role="presentation" width="100%" ${PLAIN} style="max-width:600px; margin:0 auto; text-align:left">
${bar(content.accent)}
<tr><td class="card pad" style="padding:32px 36px; background:#ffffff; border:1px solid #d9dfe7; border-top:0; border-radius:0 0 8px 8px">
${content.accent ? label(content.accent) : ''}<h1 class="ink" style="${HEADING}">${content.heading}</h1>
${content.body.join('\n')}
</td></tr>
<tr><td class="quiet" style="padding:18px 4px 0; font-size:13px; line-height:19px; color:#596573; overflow-wrap:anywhere">
${content.footer}
</td></tr>
</table>
<!--[if mso]></td></tr></table><![endif]-->
</td></tr>
</table>
</body>
</html>
`;
}

export const paragraph = (html: string): string =>
  `<p class="ink" style="margin:0 0 16px; font-size:16px; line-height:25px; color:#2b3440; overflow-wrap:anywhere">${html}</p>`;

export const list = (items: string[], tag: 'ul' | 'ol'): string => {
  const rows = items.map((item) => `<li style="margin:0 0 6px">${item}</li>`);
  const style = 'margin:0 0 16px; padding:0 0 0 24px; font-size:16px; line-height:25px; color:#2b3440; overflow-wrap:anywhere';
  return `<${tag} class="ink" style="${style}">\n${rows.join('\n')}\n</${tag}>`;
};

/** What to do next, set off from the news. */
export const advice = (html: string): string =>
  `<table role="presentation" width="100%" ${PLAIN} style="margin:4px 0 20px"><tr>
<td class="next" style="padding:14px 18px; background:#f4f6f9; border-radius:6px">
<h2 class="ink" style="margin:0 0 4px; font-size:15px; line-height:22px; font-weight:600; color:#18212c">What to do next</h2>
<p class="ink" style="margin:0; font-size:15px; line-height:23px; color:#2b3440; overflow-wrap:anywhere">${html}</p>
</td></tr></table>`;

const BUTTON_TEXT = 'display:inline-block; padding:12px 26px; border-radius:6px; background:#205493; color:#ffffff;'
  + ' font-size:16px; line-height:22px; font-weight:600; text-decoration:none';

/** The one thing to click. `href` is an address that was checked to begin with http:// or https://. */
export const button = (text: string, href: string): string =>
  `<table role="presentation" class="button" ${PLAIN} style="margin:4px 0 24px"><tr>
<td style="border-radius:6px; background:#205493"><a href="${href}" style="${BUTTON_TEXT}">${text}</a></td>
</tr></table>`;

const FACT_CELL = 'padding:8px 0; border-top:1px solid #e3e8ee; text-align:left; vertical-align:top;';

/** A row of the facts: its label is a header cell, so that screen readers say what the value is. */
export const factRow = (name: string, html: string): string =>
  `<tr><th scope="row" class="quiet" style="width:132px; ${FACT_CELL} padding-right:14px; font-weight:400; color:#596573">${name}</th>`
  + `<td class="ink" style="${FACT_CELL} color:#18212c">${html}</td></tr>`;

const FACTS = 'margin:4px 0 0; border-collapse:collapse; font-size:14px; line-height:21px; overflow-wrap:anywhere';

export const factsTable = (rows: string[]): string =>
  `<table class="facts" width="100%" ${PLAIN} style="${FACTS}">
${rows.join('\n')}
</table>`;
