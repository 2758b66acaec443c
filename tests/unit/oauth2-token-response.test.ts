import { describe, expect, test } from '@jest/globals';
import { OAuth2Failure } from '../../src/oauth2/oauth2-failure.js';
import { type RawResponse, readTokenResponse, type TokenResponse } from '../../src/oauth2/token-response.js';

const SECRET = 'the-client-secret';
const read = (body: unknown, overrides: Partial<RawResponse> = {}): TokenResponse =>
  readTokenResponse({ status: 200, location: null, body: typeof body === 'string' ? body : JSON.stringify(body), ...overrides }, {
    server: 'The token server https://idp.example.com/token',
    redact: (text) => text.replaceAll(SECRET, '[redacted]'),
  });

function failureOf(body: unknown, overrides: Partial<RawResponse> = {}): OAuth2Failure {
  try {
    return read(body, overrides) as never;
  } catch (error) {
    if (error instanceof OAuth2Failure) return error;
    throw error;
  }
}

describe('a token', () => {
  test.each<[string, object, number]>([
    ['as RFC 6749 has it', { access_token: 'abc.DEF-123_~+/=', token_type: 'Bearer', expires_in: 3_599 }, 3_599],
    ['with another case of Bearer, and unknown fields', { access_token: 'x', token_type: 'bEARER', expires_in: 1, ext_expires_in: 5 }, 1],
    ['without a type', { access_token: 'x', expires_in: 60 }, 60],
    ['without a lifetime', { access_token: 'x', token_type: 'Bearer' }, 300],
    ['whose lifetime is text', { access_token: 'x', expires_in: '3599' }, 3_599],
    ['whose lifetime is nonsense', { access_token: 'x', expires_in: 'soon' }, 300],
    ['whose lifetime is negative', { access_token: 'x', expires_in: -1 }, 300],
    ['whose lifetime is null', { access_token: 'x', expires_in: null }, 300],
  ])('%s', (_name, body, expiresInSeconds) => {
    expect(read(body)).toEqual({ accessToken: (body as { access_token: string }).access_token, expiresInSeconds });
  });

  test('a short secret that happens to stand in a token does not change the token', () => {
    expect(read({ access_token: `a.${SECRET}.b` }).accessToken).toBe(`a.${SECRET}.b`);
  });
});

describe('an answer that holds no usable token', () => {
  test.each<[string, unknown, RegExp]>([
    ['a web page', '<html>Welcome</html>', /no JSON object/],
    ['nothing', '', /no JSON object/],
    ['a list', [], /no JSON object/],
    ['null', 'null', /no JSON object/],
    ['no token', { token_type: 'Bearer' }, /no usable access_token/],
    ['an empty token', { access_token: '' }, /no usable access_token/],
    ['a number', { access_token: 1 }, /no usable access_token/],
    ['a token that would end its part of XOAUTH2', { access_token: 'a\u0001auth=Bearer b' }, /no usable access_token/],
    ['a token with a line break', { access_token: 'a\r\nMAIL FROM:<x>' }, /no usable access_token/],
    ['a token with a space', { access_token: 'a b' }, /no usable access_token/],
    ['a token beyond ASCII', { access_token: 'ü' }, /no usable access_token/],
    ['a token without end', { access_token: 'x'.repeat(16_385) }, /no usable access_token/],
    ['another type', { access_token: 'x', token_type: 'mac' }, /type mac instead of Bearer/],
  ])('%s', (_name, body, message) => {
    const failure = failureOf(body);
    expect(failure).toMatchObject({ code: 'OAUTH2_RESPONSE_INVALID', message: expect.stringMatching(message), hint: expect.stringContaining('tokenUrl') });
  });

  test('a redirect is told, not followed', () => {
    expect(failureOf('', { status: 307, location: 'https://evil.example.com/\u202etxt' })).toMatchObject({
      code: 'OAUTH2_RESPONSE_INVALID', message: 'The token server https://idp.example.com/token redirects to https://evil.example.com/ txt (HTTP status 307), which is not followed: the client secret would go there.',
    });
    expect(failureOf('', { status: 302 }).message).toContain('redirects (HTTP status 302)');
  });
});

describe('a refusal', () => {
  test.each<[number, object | string, string, RegExp, RegExp]>([
    [401, { error: 'invalid_client', error_description: 'AADSTS7000215: Invalid client secret provided.' }, 'OAUTH2_TOKEN_REFUSED', /invalid_client \(AADSTS7000215: Invalid client secret provided\.\)/, /clientSecret/],
    [400, { error: 'invalid_scope' }, 'OAUTH2_TOKEN_REFUSED', /token: invalid_scope\.$/, /outlook\.office365\.com/],
    [400, { error: 'unauthorized_client' }, 'OAUTH2_TOKEN_REFUSED', /unauthorized_client/, /client credentials grant/],
    [400, { error: 'constructor' }, 'OAUTH2_TOKEN_REFUSED', /constructor/, /clientId/],
    [400, { error: 'something_new' }, 'OAUTH2_TOKEN_REFUSED', /something_new/, /clientId/],
    [403, 'Forbidden', 'OAUTH2_TOKEN_REFUSED', /HTTP status 403/, /clientId/],
    [401, '', 'OAUTH2_TOKEN_REFUSED', /HTTP status 401/, /clientId/],
    [404, '<html>', 'OAUTH2_RESPONSE_INVALID', /HTTP status 404/, /tokenUrl/],
    [204, '', 'OAUTH2_RESPONSE_INVALID', /HTTP status 204/, /tokenUrl/],
    [429, { error: 'slow_down' }, 'OAUTH2_SERVER_FAILED', /slow_down/, /later/],
    [503, 'Service Unavailable', 'OAUTH2_SERVER_FAILED', /HTTP status 503/, /later/],
    [500, { error: 'server_error', error_description: 42 }, 'OAUTH2_SERVER_FAILED', /server_error\.$/, /later/],
  ])('%d %j', (status, body, code, message, hint) => {
    expect(failureOf(body, { status })).toMatchObject({ code, message: expect.stringMatching(message), hint: expect.stringMatching(hint) });
  });

  test('its words are made printable, short, and free of the secret', () => {
    const { message } = failureOf({ error: `bad\r\nX: ${SECRET}`, error_description: `\u001b[31m${SECRET}\u202e${'x'.repeat(1_000)}` }, { status: 400 });
    expect(message).not.toMatch(/[\u0000-\u001f\u202e]/);
    expect(message).not.toContain(SECRET);
    expect(message).toContain('bad X: [redacted]');
    expect(message.length).toBeLessThan(800);
  });
});
