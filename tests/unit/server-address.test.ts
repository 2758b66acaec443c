import { describe, expect, test } from '@jest/globals';
import { parseServerAddress, type ServerAddress } from '../../src/dns/server-address.js';

describe('a server address', () => {
  test.each<[string, ServerAddress['type'], string]>([
    ['mail.example.com', 'name', 'mail.example.com'],
    ['MAIL.Example.COM', 'name', 'mail.example.com'],
    ['localhost', 'name', 'localhost'],
    ['mail.example.com.', 'name', 'mail.example.com'],
    ['_smtp.example.com', 'name', '_smtp.example.com'],
    ['4chan.example', 'name', '4chan.example'],
    ['mail.bücher.example', 'name', 'mail.xn--bcher-kva.example'],
    ['例え.テスト', 'name', 'xn--r8jz45g.xn--zckzah'],
    [`${'a'.repeat(63)}.example`, 'name', `${'a'.repeat(63)}.example`],
    ['192.0.2.25', 'ipv4', '192.0.2.25'],
    ['[2001:DB8::25]', 'ipv6', '2001:db8::25'],
    ['[::1]', 'ipv6', '::1'],
    ['[::ffff:192.0.2.1]', 'ipv6', '::ffff:192.0.2.1'],
  ])('%s', (text, type, host) => {
    expect(parseServerAddress(text)).toEqual({ type, host });
  });

  test.each<[string, RegExp]>([
    ['2001:db8::25', /in square brackets: \[2001:db8::25\]$/],
    ['::1', /\[::1\]$/],
    ['fe80::1%eth0', /in square brackets/],
    ['[]', /between the brackets/],
    ['[192.0.2.25]', /between the brackets/],
    ['[IPv6:2001:db8::25]', /between the brackets/],
    ['[fe80::1%eth0]', /between the brackets/],
    ['[2001:db8::25]:25', /without a port/],
    ['mail.example.com:25', /without a port/],
    ['192.0.2.25:25', /without a port/],
    ['', /host name/],
    ['.', /host name/],
    [' mail.example.com', /host name/],
    ['mail.example.com\n', /host name/],
    ['mail example', /host name/],
    ['mail..example', /host name/],
    ['.mail.example', /host name/],
    ['-mail.example', /host name/],
    ['mail-.example', /host name/],
    ['mail@example.com', /host name/],
    ['smtp://mail.example.com', /host name/],
    ['mail.example.com/x', /host name/],
    ['mail,example', /host name/],
    [`${'a'.repeat(64)}.example`, /host name/],
    [Array<string>(64).fill('abc').join('.'), /host name/],
    ['256.1.1.1', /host name|IPv4/],
    ['192.0.2', /host name|IPv4/],
    ['3232235777', /host name|IPv4/],
    ['0x7f.1', /host name|IPv4/],
    ['192.0.2.025', /host name|IPv4/],
  ])('%j is refused, and the message says what to write', (text, message) => {
    expect(parseServerAddress(text)).toEqual({ fault: expect.stringMatching(message) });
  });
});
