import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { HIDDEN, redactorOf } from '../../src/redact.js';

const SECRET = 'p4ss (wörd)+of=many/signs that\'s "echoed"~100%';
const inForm = (text: string): string => new URLSearchParams([['', text]]).toString().slice(1);
const inBase64 = (text: string): string => Buffer.from(text).toString('base64');
const inHex = (text: string): string => Buffer.from(text).toString('hex');
const lowerEscapes = (text: string): string => text.replace(/%../g, (escape) => escape.toLowerCase());

const FORMS: Record<string, (secret: string) => string> = {
  'as it is': (secret) => secret,
  'printable': (secret) => secret.replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ').trim(),
  'in JSON': (secret) => JSON.stringify(secret).slice(1, -1),
  'URL-encoded': encodeURIComponent,
  'URL-encoded as a whole URL': encodeURI,
  'URL-encoded in small letters': (secret) => lowerEscapes(encodeURIComponent(secret)),
  'form-encoded': inForm,
  'form-encoded in small letters': (secret) => lowerEscapes(inForm(secret)),
  'in hexadecimal': inHex,
  'in hexadecimal, in capitals': (secret) => inHex(secret).toUpperCase(),
  'in base64': inBase64,
  'in base64 without its end': (secret) => inBase64(secret).replace(/=+$/, ''),
  'in base64url': (secret) => Buffer.from(secret).toString('base64url'),
  'in base64 after one byte': (secret) => inBase64(`x${secret}`),
  'in base64 after two bytes': (secret) => inBase64(`xy${secret}, and more`),
  'in the base64 of the form': (secret) => inBase64(`id:${inForm(secret)}`),
  'in base64 that is URL-encoded': (secret) => encodeURIComponent(inBase64(secret).replace(/=+$/, '')),
};

describe.each(Object.entries(FORMS))('a secret %s', (_name, formOf) => {
  test('is taken out, and nothing else', () => {
    const redact = redactorOf([SECRET]);
    const form = formOf(SECRET);
    expect(redact(form)).toMatch(/^\[redacted\]/);
    expect(redact(`535 5.7.8 Wrong: ${form}; try again, ${form}`)).toMatch(/^535 5\.7\.8 Wrong: \[redacted\]={0,2}; try again, \[redacted\]={0,2}$/);
  });

  test('is taken out whatever it is and whatever stands around it', () => {
    fc.assert(fc.property(secrets, fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (secret, before, after) => {
      const form = formOf(secret);
      const kept = redactorOf([secret])(before + form + after).split(HIDDEN);
      expect(kept.filter((part) => part.includes(form))).toEqual([]);
      expect(kept.length).toBeGreaterThan(1);
    }), { numRuns: 300 });
  });
});

/** At least 4 characters besides blanks. */
const secrets = fc.oneof(fc.string({ minLength: 4, maxLength: 80 }), fc.string({ unit: 'binary', minLength: 4, maxLength: 20 }), fc.stringMatching(/^[ab%+/=\\. \n]{4,60}$/))
  .filter((secret) => (secret.match(/[\p{L}\p{N}\p{P}\p{S}]/gu) ?? []).length >= 4);

test('a text without the secret stays as it is', () => {
  fc.assert(fc.property(fc.uuid(), fc.string({ unit: 'binary', maxLength: 200 }), (secret, text) => {
    expect(redactorOf([secret])(text)).toBe(text);
  }));
});

test.each([
  '250 2.0.0 Ok: queued as 4bXkQz1vJrz9sWn',
  '535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant. Visit https://aka.ms/smtp_auth_disabled [AM0PR01CA0133.eurprd01.prod.exchangelabs.com]',
  'invalid_client (AADSTS7000215: Invalid client secret provided.\r\nTrace ID: 7cf2a8f5-2d0b-4b2c-a0c3-0a41f7a83d00)',
  'lone \ud800 and İstanbul %4 %zz +==',
  '',
])('ordinary words stay: %j', (text) => {
  expect(redactorOf([SECRET, 'hunter-2'])(text)).toBe(text);
});

describe('what hides a secret', () => {
  const token = inBase64('ya29.'.repeat(300));
  const redact = redactorOf([SECRET, token]);

  test.each<[string, string]>([
    ['a folded line', `${token.slice(0, 700)}\r\n ${token.slice(700)}`],
    ['its end is cut off', token.slice(0, 500)],
    ['its beginning has come twice', token.slice(0, 30) + token],
    ['control characters, which become blanks', SECRET.replaceAll(' ', '\t')],
    ['a mark that nobody sees', `${SECRET.slice(0, 9)}\u200b${SECRET.slice(9)}`],
    ['base64 with what was sent before and after it', inBase64(`user=robot\x01auth=Bearer ${token}\x01\x01`)],
  ])('%s', (_name, text) => expect(redact(`No: ${text} !`)).toBe('No: [redacted] !'));

  test('its beginning ends within a character', () => {
    const long = `${'x'.repeat(23)}😀 and more`;
    expect(redactorOf([long])(`${'x'.repeat(23)}😁`)).toBe('[redacted]\ufffd');
  });
});

test('İ before what is encoded does not move what is taken out', () => {
  expect(redactorOf(['swordfish'])(`İİİ ${inHex('swordfish')} ok`)).toBe('İİİ [redacted] ok');
});

test('each of several secrets is taken out', () => {
  expect(redactorOf(['first-one', 'other.one'])('first-one and other.one')).toBe('[redacted] and [redacted]');
});

test.each(['', 'abc', ' a b c ', '\n\n\n\n\n'])('a secret with less than 4 characters besides blanks is left: %j', (secret) => {
  const text = `abc a b c ${secret} \n\n\n\n\n\n`;
  expect(redactorOf([secret])(text)).toBe(text);
});

test.each<[string, string, string]>([
  ['a long token in a long text', 'k7'.repeat(8_000), `${'k7'.repeat(7_999)} no `.repeat(5)],
  ['a token that nearly repeats itself', `${'a'.repeat(8_000)}b`, 'a'.repeat(80_000)],
  ['many short secrets in one word of base64', 'swordfish', inBase64('swordfish'.repeat(6_000))],
])('takes a time that is linear: %s', (_name, secret, text) => {
  const redact = redactorOf([secret]);
  const startedAt = performance.now();
  expect(redact(text)).toContain(HIDDEN);
  expect(performance.now() - startedAt).toBeLessThan(1_000); // some 50 ms; the square of it would be many seconds
});
