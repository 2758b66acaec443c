import { describe, expect, test } from '@jest/globals';
import { DEFAULT_DENY_NETWORKS, readConfig } from '../../src/config.js';
import { DenyList } from '../../src/dns/deny-list.js';
import { StartError } from '../../src/errors.js';

const listOf = (value?: string): DenyList => new DenyList(readConfig(value === undefined ? {} : { MAILROOM_SMTP_DENY_NETWORKS: value }, false).smtpDenyNetworks);

describe('the default list', () => {
  const list = listOf();

  test.each([
    '169.254.169.254', '169.254.0.0', '169.254.255.255', '169.254.170.2', '100.100.100.200', '168.63.129.16', '0.0.0.0', '0.1.2.3', '::',
    'fe80::1', 'febf:ffff::1', 'FE80::A', 'fe80::1%eth0', 'fd00:ec2::254', 'fd20:ce::254',
    '::ffff:169.254.169.254', '::FFFF:A9FE:A9FE', '0:0:0:0:0:ffff:a9fe:a9fe', '::ffff:0.0.0.0',
    '64:ff9b::169.254.169.254', '64:ff9b::a9fe:a9fe', '64:ff9b::6464:64c8',
  ])('denies %s', (address) => {
    expect(list.denies(address)).toBe(true);
  });

  test.each([
    '127.0.0.1', '127.255.255.254', '::1', '10.0.0.25', '192.168.1.1', '172.16.0.1', '169.253.255.255', '169.255.0.0', '1.0.0.0', '100.100.100.199', '192.0.2.1',
    '2001:db8::25', 'fec0::1', 'fd00:ec2::253', 'fc00::1', '::ffff:127.0.0.1', '::ffff:10.0.0.1', '64:ff9b::c000:201', '::2',
  ])('lets %s through', (address) => {
    expect(list.denies(address)).toBe(false);
  });

  test.each(['', 'localhost', '[::1]', '169.254.169.254:25', '0xa9fea9fe', '2852039166'])('%j is no address: that is a mistake of the caller, and neither yes nor no', (text) => {
    expect(() => list.denies(text)).toThrow(TypeError);
  });
});

describe('MAILROOM_SMTP_DENY_NETWORKS', () => {
  test('replaces the default; single addresses stand for themselves', () => {
    const list = listOf(' 10.0.0.0/8, 192.0.2.7 ,fd00::/8,2001:db8::25 ');
    expect(['10.255.0.1', '192.0.2.7', 'fdff::1', '2001:db8::25', '::ffff:10.1.1.1'].map((address) => list.denies(address))).toEqual([true, true, true, true, true]);
    expect(['11.0.0.1', '192.0.2.8', 'fe80::1', '2001:db8::26', '169.254.169.254'].map((address) => list.denies(address))).toEqual([false, false, false, false, false]);
  });

  test('bits behind the prefix do not count', () => {
    expect(listOf('10.9.8.7/8').denies('10.1.1.1')).toBe(true);
  });

  test('/0 is everything of its family', () => {
    const list = listOf('0.0.0.0/0');
    expect([list.denies('127.0.0.1'), list.denies('::ffff:8.8.8.8'), list.denies('2001:db8::1')]).toEqual([true, true, false]);
    expect(listOf('::/0').denies('2001:db8::1')).toBe(true);
  });

  test.each(['none', ' NONE '])('%j is no network at all', (value) => {
    expect(readConfig({ MAILROOM_SMTP_DENY_NETWORKS: value }, false).smtpDenyNetworks).toEqual([]);
    expect(listOf(value).denies('169.254.169.254')).toBe(false);
  });

  test.each(['', '   '])('%j counts as not set', (value) => {
    expect(readConfig({ MAILROOM_SMTP_DENY_NETWORKS: value }, false).smtpDenyNetworks).toBe(DEFAULT_DENY_NETWORKS);
  });

  test('is a variable that Mailroom knows', () => {
    expect(readConfig({ MAILROOM_SMTP_DENY_NETWORKS: 'none' }, false).unknownVariables).toEqual([]);
  });

  test.each([
    ['10.0.0.0/33', '10.0.0.0/33'], ['fe80::/129', 'fe80::/129'], ['10.0.0.0/', '10.0.0.0/'], ['10.0.0.0/8/8', '10.0.0.0/8/8'], ['10.0.0/8', '10.0.0/8'], ['10.0.0.0/-1', '10.0.0.0/-1'],
    ['localhost', 'localhost'], ['[fe80::]/10', '[fe80::]/10'], ['fe80::1%eth0', 'fe80::1%eth0'], ['10.0.0.0/8,', ''], ['10.0.0.0/8;fd00::/8', '10.0.0.0/8;fd00::/8'], ['10.0.0.0/8,none', 'none'], ['010.0.0.0/8', '010.0.0.0/8'],
  ])('%j does not start, and the message names the fault', (value, item) => {
    expect(() => listOf(value)).toThrow(StartError);
    expect(() => listOf(value)).toThrow(`MAILROOM_SMTP_DENY_NETWORKS must be networks such as 169.254.0.0/16 or fe80::/10 (or addresses) with commas between them, or none; "${item}" is no network.`);
  });
});
