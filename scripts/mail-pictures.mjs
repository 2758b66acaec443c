// Writes docs/images/mail-*.png: default mails as Chromium shows them, at desktop and phone width, light and dark.
// Usage: npm run pictures   (needs Chromium: CHROMIUM, or `chromium` on the PATH)
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { sampleValues } from '../dist/email-templates/check.js';
import { contentOf } from '../dist/email-templates/event-content.js';
import { builtInEventTypes } from '../dist/event-types/catalogue.js';

const FOLDER = fileURLToPath(new URL('../docs/images/', import.meta.url));
const OCCURRED_AT = new Date('2026-03-14T09:26:53Z');
const VIEWS = [
  { width: 760, colorScheme: 'light' }, { width: 390, colorScheme: 'light' },
  { width: 760, colorScheme: 'dark' }, { width: 390, colorScheme: 'dark' },
];
/** File name, event type, and a template of an administrator's own where it is not the default. */
const MAILS = [
  ['error', 'PasswordCheckFailed'],
  ['action', 'AccessRequestPendingApproval'],
  ['warning', 'CertificateExpiring'],
  ['info', 'ApplianceBackupCompleted'],
  ['from-text', 'DiskUsageWarning', {
    subject: 'The disk of {{ ApplianceName }} is {{ DiskUsagePercent }} % full',
    textBody: 'Please make room before it is full:\n\n- delete old support bundles\n- move archives to another server\n\nHow to do that: https://wiki.example.com/disk\n\nAppliance:   {{ ApplianceName }}\nIn use:      {{ DiskUsagePercent }} %\nTime:        {{ EventTimestamp | date: "%-d %b %Y, %H:%M UTC" }}\n\n-- \nYour platform team',
    htmlBody: null, replyTo: null,
  }],
];

const htmlOf = (name, template) => {
  const type = builtInEventTypes.get(name);
  return contentOf({ type: name, properties: sampleValues(type), occurredAt: OCCURRED_AT }, type, template).htmlBody;
};

async function shot(browser, html, { width, colorScheme }) {
  const page = await browser.newPage({ viewport: { width, height: 400 }, colorScheme });
  await page.setContent(html, { waitUntil: 'load' });
  const overflow = await overflowOf(page, width);
  if (overflow > 0) throw new Error(`at ${width} pixels the mail is ${overflow} pixels too wide`);
  const image = await page.screenshot({ fullPage: true });
  await page.close();
  return { width, src: `data:image/png;base64,${image.toString('base64')}` };
}

async function overflowOf(page, width) {
  const box = await page.locator('body').boundingBox();
  const widths = await page.locator('table').evaluateAll((tables) => tables.map((table) => table.getBoundingClientRect().right));
  return Math.ceil(Math.max(box.x + box.width, ...widths) - width);
}

/** All views of a mail side by side. */
async function sheet(browser, views, file) {
  const page = await browser.newPage({ viewport: { width: views.reduce((sum, { width }) => sum + width + 24, 24), height: 400 } });
  const images = views.map(({ src, width }) => `<img src="${src}" width="${width}" style="border-radius:6px">`).join('');
  await page.setContent(`<body style="margin:0; padding:24px; display:flex; gap:24px; align-items:flex-start; background:#8a94a3">${images}</body>`, { waitUntil: 'load' });
  await page.screenshot({ path: file, fullPage: true });
  await page.close();
}

const executablePath = process.env.CHROMIUM ?? execFileSync('which', ['chromium'], { encoding: 'utf8' }).trim();
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--font-render-hinting=none'] });
try {
  mkdirSync(FOLDER, { recursive: true });
  for (const [name, type, template] of MAILS) {
    const views = [];
    for (const view of VIEWS) views.push(await shot(browser, htmlOf(type, template), view));
    const file = path.join(FOLDER, `mail-${name}.png`);
    await sheet(browser, views, file);
    console.log(path.relative(process.cwd(), file));
  }
} finally {
  await browser.close();
}
