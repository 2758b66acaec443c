/** Words whose capitals do not follow from the camel case of a name. */
const SPELLINGS: Readonly<Record<string, string>> = {
  Api: 'API', Bmc: 'BMC', Crl: 'CRL', Csr: 'CSR', Dns: 'DNS', Fido2: 'FIDO2', Hsm: 'HSM', Id: 'ID', Ntp: 'NTP', Raid: 'RAID', Scim: 'SCIM',
  Ssh: 'SSH', Ssl: 'SSL', Sta: 'STA', Totp: 'TOTP', Uri: 'URI', ByPassed: 'Bypassed',
};

/** Longest first: a whole word with inner capitals, then capitals before a word, then a capitalised word or a number. */
const WORD = /A2A|SaaS|Fido2|ByPassed|[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+/g;

/** The words of a camel-case name as a person writes them: `TotpCodesReleased` → `['TOTP', 'Codes', 'Released']`. */
export function wordsOf(name: string): string[] {
  const words = name.match(WORD) ?? [name];
  return words.map((word) => Object.hasOwn(SPELLINGS, word) ? SPELLINGS[word]! : word);
}

/** The name in readable words: `A2AServiceUpdated` → `A2A Service Updated`. */
export const displayNameOf = (name: string): string => wordsOf(name).join(' ');

const PROPER_NAMES = new Set(['Starling']);

/** Words inside a sentence: lower case, but acronyms and proper names as they are. */
export const inSentence = (words: string[]): string =>
  words.map((word) => (/^[A-Z][a-z]+$/.test(word) && !PROPER_NAMES.has(word) ? word.toLowerCase() : word)).join(' ');
