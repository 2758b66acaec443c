import { describe, expect, test } from '@jest/globals';
import { literalAddress, tokenUrlFault } from '../../src/oauth2/token-url.js';

describe('a token URL', () => {
  test.each([
    'https://login.microsoftonline.com/tenant/oauth2/v2.0/token',
    'https://login.example.com/token?audience=smtp',
    'https://192.0.2.1:8443/token',
    'https://[2001:db8::1]/token',
    'HTTPS://LOGIN.EXAMPLE.COM/token',
    'http://localhost:8080/token',
    'http://LOCALHOST/token',
    'http://idp.localhost/token',
    'http://127.0.0.1/token',
    'http://127.9.9.9:81/token',
    'http://[::1]:8080/token',
    'http://0x7f.1/token',
  ])('%s', (url) => {
    expect(tokenUrlFault(url)).toBeNull();
  });

  test.each([
    ['http://login.example.com/token', /https:\/\/.*localhost only/],
    ['http://127.0.0.1.example.com/token', /localhost only/],
    ['http://localhost.example.com/token', /localhost only/],
    ['http://notlocalhost/token', /localhost only/],
    ['http://192.0.2.1/token', /localhost only/],
    ['http://[::2]/token', /localhost only/],
    ['http://0.0.0.0/token', /localhost only/],
    ['ftp://login.example.com/token', /must start with https/],
    ['file:///etc/passwd', /must start with https/],
    ['javascript:alert(1)', /must start with https/],
    ['login.example.com/token', /must be a URL/],
    ['', /must be a URL/],
    ['https://', /must be a URL/],
    [' https://login.example.com/token', /must be a URL/],
    ['https://login.example.com/token\n', /must be a URL/],
    ['https://user:password@login.example.com/token', /user name or password/],
    ['https://user@login.example.com/token', /user name or password/],
    ['https://login.example.com/token#part', /fragment/],
    ['https://login.example.com/token#', /fragment/],
  ])('%j is refused', (url, fault) => {
    expect(tokenUrlFault(url)).toMatch(fault);
  });
});

test.each([
  ['https://login.example.com/', null],
  ['https://192.0.2.1:8443/', '192.0.2.1'],
  ['https://[2001:DB8::1]/', '2001:db8::1'],
  ['https://0xA9.254.43518/', '169.254.169.254'],
  ['https://[::ffff:169.254.169.254]/', '::ffff:a9fe:a9fe'],
])('the address in %s is %s', (url, address) => {
  expect(literalAddress(url)).toBe(address);
});
