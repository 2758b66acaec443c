import { describe, expect, test } from '@jest/globals';
import { addressKey, checkMailbox } from '../../src/smtp/mailbox-fault.js';
import { MailboxError, parseMailbox } from '../../src/smtp/mailbox.js';

describe('valid', () => {
  test.each<[string, string, boolean]>([
    ['ops@example.test', 'ops@example.test', false],
    ['Ops.Team+x@EXAMPLE.test', 'Ops.Team+x@example.test', false],
    ["!#$%&'*+-/=?^_`{|}~@example.test", "!#$%&'*+-/=?^_`{|}~@example.test", false],
    ['root@localhost', 'root@localhost', false],
    ['"with space"@example.test', '"with space"@example.test', false],
    ['"a\\"b@c"@example.test', '"a\\"b@c"@example.test', false],
    ['a@bücher.example', 'a@xn--bcher-kva.example', false],
    ['a@例え.テスト', 'a@xn--r8jz45g.xn--zckzah', false],
    ['müller@example.test', 'müller@example.test', true],
    ['用户@例え.テスト', '用户@xn--r8jz45g.xn--zckzah', true],
    ['a@[192.0.2.1]', 'a@[192.0.2.1]', false],
    ['a@[ipv6:2001:DB8::1]', 'a@[IPv6:2001:db8::1]', false],
    [`${'a'.repeat(64)}@example.test`, `${'a'.repeat(64)}@example.test`, false],
    [`a@${'b'.repeat(63)}.test`, `a@${'b'.repeat(63)}.test`, false],
    ['a@4chan.test', 'a@4chan.test', false],
  ])('%s', (text, address, needsSmtpUtf8) => {
    expect(parseMailbox(text)).toMatchObject({ address, needsSmtpUtf8 });
    expect(checkMailbox(text)).toBeNull();
  });

  test('keeps the parts as given', () => {
    expect(parseMailbox('Ops@Bücher.example')).toEqual({
      local: 'Ops', domain: 'Bücher.example', asciiDomain: 'xn--bcher-kva.example', needsSmtpUtf8: false, address: 'Ops@xn--bcher-kva.example',
    });
  });
});

describe('invalid', () => {
  test.each<[string, RegExp]>([
    ['', /no @/],
    ['ops', /no @/],
    ['@example.test', /nothing before/],
    ['ops@', /nothing after/],
    ['a b@example.test', /spaces/],
    ['a@exam ple.test', /spaces/],
    ['a\r\nRCPT TO:<x@y.test>@example.test', /line breaks/],
    ['a\n@example.test', /line breaks/],
    ['a\0@example.test', /control characters/],
    ['"a\rb"@example.test', /line breaks/],
    ['a@example.test\n', /line breaks/],
    ['a\u0085@example.test', /control characters/],
    ['a\ud800@example.test', /surrogate/],
    ['.a@example.test', /dot/],
    ['a.@example.test', /dot/],
    ['a..b@example.test', /dots in a row/],
    ['a<b@example.test', /quotation marks/],
    ['Name <a@example.test>', /spaces/],
    ['a@b@example.test', /quotation marks/],
    ['"unfinished@example.test', /quoted part/],
    ['"a"b"@example.test', /quoted part/],
    ['"a\\"@example.test', /quoted part/],
    [`${'a'.repeat(65)}@example.test`, /64 bytes/],
    [`${'ü'.repeat(33)}@example.test`, /64 bytes/],
    [`a@${'b'.repeat(64)}.test`, /63 characters/],
    [`a@${'b.'.repeat(128)}test`, /255 characters/],
    ['a@.example.test', /dot/],
    ['a@example..test', /dots in a row/],
    ['a@example.test.', /dot/],
    ['a@-example.test', /hyphens/],
    ['a@exa_mple.test', /hyphens/],
    ['a@example.test>', /hyphens/],
    ['a@192.0.2.1', /\[192\.0\.2\.1\]/],
    ['a@１９２.0.2.1', /square brackets/],
    ['a@[192.0.2.256]', /square brackets/],
    ['a@[2001:db8::1]', /IPv6:/],
    ['a@[IPv6:fe80::1%eth0]', /IPv6:/],
    ['a@[192.0.2.1', /square brackets/],
    ['a@xn--ü', /valid internationalised|hyphens/],
  ])('%j', (text, reason) => {
    expect(() => parseMailbox(text)).toThrow(MailboxError);
    expect(checkMailbox(text)).toMatch(reason);
  });
});

test('two spellings of one recipient have one key', () => {
  expect(addressKey('Ops@BÜCHER.example')).toBe(addressKey('ops@xn--bcher-kva.example'));
  expect(addressKey('ops@example.test')).not.toBe(addressKey('ops2@example.test'));
  expect(addressKey('Not An Address')).toBe('not an address');
});
