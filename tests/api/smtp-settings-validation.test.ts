import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { FieldError } from '../../src/errors.js';
import { buildPasswordAuthentication, buildSettings } from '../factories/build-settings.js';
import { startMailroom, type TestMailroom } from '../setup/mailroom.js';
import { expectProblem } from './expect-problem.js';

const PATH = '/v1/smtp-settings';
const SHAPE = 'VALIDATION_FAILED';
const ADDRESS = 'SMTP_SERVER_ADDRESS_INVALID';
const SENDER = 'SMTP_SENDER_INVALID';
const NAME = 'SMTP_SENDER_NAME_INVALID';
const EHLO = 'SMTP_CLIENT_HOSTNAME_INVALID';
const CERTIFICATE = 'SMTP_CLIENT_CERTIFICATE_REQUIRED';
/** The message has this text in it. */
const saying = (text: string): string => expect.stringContaining(text) as never;
const login = (overrides: object): object => ({ authentication: { ...buildPasswordAuthentication(), ...overrides } });

let mailroom: TestMailroom;

beforeAll(async () => {
  mailroom = await startMailroom({ workers: false });
});
afterAll(async () => {
  await mailroom.close();
});

const rows = () => mailroom.container.database.prisma.smtpSettings.findMany();

describe('refused, and nothing is changed', () => {
  test.each<[string, object, string, Partial<FieldError>]>([
    ['an IPv6 address without brackets', { serverAddress: '2001:db8::25' }, ADDRESS, { pointer: '/serverAddress', message: saying('[2001:db8::25]') }],
    ['a server with a port', { serverAddress: 'mail.example.com:25' }, ADDRESS, { pointer: '/serverAddress' }],
    ['a URL', { serverAddress: 'smtp://mail.example.com' }, ADDRESS, { pointer: '/serverAddress' }],
    ['an empty server', { serverAddress: '' }, ADDRESS, { pointer: '/serverAddress' }],
    ['a server with a line break', { serverAddress: 'mail.example.com\r\nRCPT' }, ADDRESS, { pointer: '/serverAddress' }],
    ['no IPv6 address in the brackets', { serverAddress: '[mail]' }, ADDRESS, { pointer: '/serverAddress' }],
    ['an IPv4 address out of range', { serverAddress: '256.1.1.1' }, ADDRESS, { pointer: '/serverAddress' }],
    ['a server of 256 characters', { serverAddress: 'a'.repeat(256) }, SHAPE, { pointer: '/serverAddress', message: 'must have at most 255 characters' }],
    ['a server that is a number', { serverAddress: 25 }, SHAPE, { pointer: '/serverAddress' }],
    ['MX of an IPv4 address', { serverAddress: '192.0.2.25', resolveMx: true }, 'SMTP_MX_NEEDS_DOMAIN', { pointer: '/resolveMx' }],
    ['MX of an IPv6 address', { serverAddress: '[2001:db8::25]', resolveMx: true }, 'SMTP_MX_NEEDS_DOMAIN', { pointer: '/resolveMx' }],
    ['a server without a sender', { senderAddress: undefined }, 'SMTP_SENDER_REQUIRED', { pointer: '/senderAddress' }],
    ['a server with a null sender', { senderAddress: null }, 'SMTP_SENDER_REQUIRED', { pointer: '/senderAddress' }],
    ['a sender without @', { senderAddress: 'mailroom' }, SENDER, { pointer: '/senderAddress' }],
    ['an empty sender', { senderAddress: '' }, SENDER, { pointer: '/senderAddress' }],
    ['a sender with a name', { senderAddress: 'Mailroom <mailroom@example.com>' }, SENDER, { pointer: '/senderAddress' }],
    ['a sender with a header behind CR LF', { senderAddress: 'mailroom@example.com\r\nBcc: x@example.com' }, SENDER, { pointer: '/senderAddress' }],
    ['a sender with LF', { senderAddress: 'mail\nroom@example.com' }, SENDER, { pointer: '/senderAddress' }],
    ['two senders', { senderAddress: 'a@example.com,b@example.com' }, SENDER, { pointer: '/senderAddress' }],
    ['a bad sender while disabled', { serverAddress: null, senderAddress: 'x' }, SENDER, { pointer: '/senderAddress' }],
    ['a sender of 513 characters', { senderAddress: `a@${'b'.repeat(511)}` }, SHAPE, { pointer: '/senderAddress' }],
    ['a sender name with CR LF', { senderName: 'x\r\nBcc: y@example.com' }, NAME, { pointer: '/senderName' }],
    ['a sender name with a line separator', { senderName: 'x\u2028y' }, NAME, { pointer: '/senderName' }],
    ['a sender name with a tab', { senderName: 'x\ty' }, NAME, { pointer: '/senderName' }],
    ['a sender name of 256 characters', { senderName: 'n'.repeat(256) }, SHAPE, { pointer: '/senderName' }],
    ['port 0', { port: 0 }, SHAPE, { pointer: '/port', message: 'must be a whole number from 1 to 65535' }],
    ['port 65536', { port: 65_536 }, SHAPE, { pointer: '/port' }],
    ['port 25.5', { port: 25.5 }, SHAPE, { pointer: '/port' }],
    ['a port as text', { port: '25' }, SHAPE, { pointer: '/port' }],
    ['another security', { security: 'tls' }, SHAPE, { pointer: '/security', message: 'must be one of "none", "startTls", "smtps"' }],
    ['resolveMx as text', { resolveMx: 'true' }, SHAPE, { pointer: '/resolveMx' }],
    ['verifyCertificate null', { verifyCertificate: null }, SHAPE, { pointer: '/verifyCertificate' }],
    ['an EHLO name with a space', { clientHostname: 'my host' }, EHLO, { pointer: '/clientHostname' }],
    ['an EHLO name with CR LF', { clientHostname: 'host\r\nMAIL' }, EHLO, { pointer: '/clientHostname' }],
    ['an EHLO name that is a bare IPv6 address', { clientHostname: '2001:db8::25' }, EHLO, { pointer: '/clientHostname', message: saying('[2001:db8::25]') }],
    ['a client certificate while none is installed', { useClientCertificate: true }, CERTIFICATE, { pointer: '/useClientCertificate' }],
    ['a client certificate without TLS', { useClientCertificate: true, security: 'none' }, CERTIFICATE, { pointer: '/useClientCertificate', message: saying('startTls or smtps') }],
    ['no connections', { maxConnections: 0 }, SHAPE, { pointer: '/maxConnections' }],
    ['101 connections', { maxConnections: 101 }, SHAPE, { pointer: '/maxConnections' }],
    ['no messages a second', { maxMessagesPerSecond: 0 }, SHAPE, { pointer: '/maxMessagesPerSecond' }],
    ['half a message a second', { maxMessagesPerSecond: 0.5 }, SHAPE, { pointer: '/maxMessagesPerSecond' }],
    ['another authentication', { authentication: { type: 'ntlm' } }, SHAPE, { pointer: '/authentication/type' }],
    ['authentication without a type', { authentication: {} }, SHAPE, { pointer: '/authentication/type' }],
    ['authentication null', { authentication: null }, SHAPE, { pointer: '/authentication' }],
    ['a log-in without an account', login({ accountName: undefined }), SHAPE, { pointer: '/authentication/accountName', message: 'is required' }],
    ['an empty account', login({ accountName: '' }), SHAPE, { pointer: '/authentication/accountName' }],
    ['an account of 256 characters', login({ accountName: 'a'.repeat(256) }), SHAPE, { pointer: '/authentication/accountName' }],
    ['an empty password', login({ password: '' }), SHAPE, { pointer: '/authentication/password' }],
    ['a password of 256 characters', login({ password: 'p'.repeat(256) }), SHAPE, { pointer: '/authentication/password' }],
    ['a password without a log-in', { authentication: { type: 'none', password: 'p' } }, SHAPE, { pointer: '/authentication/password' }],
    ['a misspelt field', { serverAdress: 'x' }, SHAPE, { pointer: '/serverAdress', message: 'is not a known property' }],
  ])('%s', async (_name, overrides, code, error) => {
    const before = await rows();
    expectProblem(await mailroom.as().put(PATH, buildSettings(overrides)), 400, code, [error]);
    expect(await rows()).toEqual(before);
  });

  test('all faults are told at once, under the code of the first', async () => {
    const body = { serverAddress: '::1', senderName: '\n', clientHostname: '', useClientCertificate: true, security: 'none' };
    const { errors } = expectProblem(await mailroom.as().put(PATH, body), 400, ADDRESS);
    expect(errors!.map(({ pointer }) => pointer)).toEqual(['/serverAddress', '/senderAddress', '/senderName', '/clientHostname', '/useClientCertificate']);
  });
});

test.each([
  ['a name', { serverAddress: 'mail.example.com' }],
  ['a single label', { serverAddress: 'localhost' }],
  ['an internationalised name', { serverAddress: 'mail.bücher.example' }],
  ['an IPv4 address', { serverAddress: '192.0.2.25' }],
  ['an IPv6 address in brackets', { serverAddress: '[2001:db8::25]' }],
  ['a domain with MX', { serverAddress: 'example.com', resolveMx: true }],
  ['a sender while disabled', { serverAddress: null }],
  ['a sender name in another script', { senderName: 'Почта "B", Ltd.' }],
  ['an EHLO name that is an address literal', { clientHostname: '[2001:db8::25]' }],
  ['the largest numbers', { port: 65_535, maxConnections: 100, maxMessagesPerSecond: 10_000 }],
  ['the smallest numbers', { port: 1, maxConnections: 1, maxMessagesPerSecond: 1 }],
])('taken as it is: %s', async (_name, overrides) => {
  expect((await mailroom.as().put(PATH, buildSettings(overrides)).expect(200)).body).toMatchObject(overrides);
});
