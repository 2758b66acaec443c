import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { SmtpSettingsUpdate } from '../../src/smtp-settings/smtp-settings.contract.js';
import type { SmtpTest } from '../../src/smtp-tests/smtp-tests.contract.js';
import { type Dnsmasq, noDnsmasq, startDnsmasq } from '../setup/dnsmasq.js';
import { startMailroom, type TestMailroom } from '../setup/mailroom.js';
import { hasIPv6, noPostfix, type Postfix, startPostfix } from '../setup/postfix.js';
import { ALICE, inMailbox, lastAttempt, RETRIES, type Trials, trialsOf } from './trials.js';

/** Postfix listens on ONE, OTHER and SIX, and nobody on the others: an address for each test, because Mailroom remembers which ones are dead. */
const [ONE, OTHER, SIX] = ['127.0.0.1', '127.0.0.2', '::1'];
const [DEAD, DEAD_FIRST, DEAD_HALF] = ['127.0.0.11', '127.0.0.12', '127.0.0.13'];

const skipped = noPostfix() ?? noDnsmasq();
if (skipped) test.skip(`addresses of Postfix from dnsmasq: ${skipped}`, () => undefined);
else describe('addresses of Postfix from dnsmasq', describeAddresses);

function describeAddresses(): void {
  let postfix: Postfix;
  let dnsmasq: Dnsmasq;
  let mailroom: TestMailroom;
  let trials: Trials;
  const at = (serverAddress: string, resolveMx = false): Partial<SmtpSettingsUpdate> => ({ serverAddress, resolveMx, port: postfix.ports['plain']! });
  const mx = (domain: string): Partial<SmtpSettingsUpdate> => at(domain, true);
  const shown = ({ addresses }: SmtpTest): string[] => addresses.map(({ host, address, status }) => `${host} ${address} ${status}`);

  beforeAll(async () => {
    dnsmasq = await startDnsmasq({
      'one.test': { A: [ONE] }, 'dead-first.test': { A: [DEAD_FIRST] }, 'dead-half.test': { A: [DEAD_HALF] }, 'other.test': { A: [OTHER] }, 'six.test': { AAAA: [SIX] },
      'several.test': { A: [DEAD, ONE, OTHER] },
      'both.test': { A: [ONE], AAAA: [SIX] },
      'preferred.test': { MX: [[20, 'other.test'], [10, 'dead-first.test'], [30, 'one.test']] },
      'equal.test': { MX: [[10, 'one.test'], [10, 'other.test']] },
      'half.test': { MX: [[10, 'dead-half.test'], [10, 'one.test']] },
      'dangling.test': { MX: [[10, 'gone.test'], [20, 'one.test']] },
    });
    postfix = await startPostfix({ mailboxes: [ALICE], services: { plain: { hosts: [ONE, OTHER, ...(hasIPv6() ? [SIX] : [])] } } });
    mailroom = await startMailroom({ env: RETRIES });
    await mailroom.as().put('/v1/dns-settings', { servers: [dnsmasq.address] }).expect(200);
    trials = trialsOf(mailroom.as());
  }, 60_000);
  afterAll(async () => {
    await mailroom?.close();
    await postfix?.stop();
    await dnsmasq?.stop();
  });

  const delivered = async (settings: Partial<SmtpSettingsUpdate>) => {
    const email = await trials.deliver(settings);
    expect(email).toMatchObject({ status: 'sent', attemptCount: 1 });
    await inMailbox(postfix, ALICE, email.serverQueueId);
    return lastAttempt(email);
  };

  test('several A records with a dead one: a mail goes to one that answers, a test fails and shows each', async () => {
    const done = await trials.smtpTest(at('several.test'));
    expect(done.status).toBe('failed');
    expect(shown(done).sort()).toEqual([`several.test ${ONE} passed`, `several.test ${DEAD} failed`, `several.test ${OTHER} passed`]);
    expect(done.addresses.find(({ address }) => address === DEAD)!.stages[0]).toMatchObject({ name: 'connect', status: 'failed', code: 'CONNECTION_REFUSED' });
    for (const { queueId } of done.addresses.filter(({ status }) => status === 'passed')) await inMailbox(postfix, ALICE, queueId);
    for (let times = 0; times < 4; times += 1) expect([ONE, OTHER]).toContain((await delivered(at('several.test'))).address);
  });

  test('MX hosts are tried by preference, and the next one when the first is dead', async () => {
    const done = await trials.smtpTest(mx('preferred.test'));
    expect(done.status).toBe('failed');
    expect(shown(done)).toEqual([`dead-first.test ${DEAD_FIRST} failed`, `other.test ${OTHER} passed`, `one.test ${ONE} passed`]);
    const told = new RegExp(`^${OTHER} took the mail\\. Before: .*\\(${DEAD_FIRST}, port \\d+\\) refused`);
    expect(await delivered(mx('preferred.test'))).toMatchObject({ address: OTHER, message: expect.stringMatching(told) });
  });

  test('MX hosts of one preference are all tested, and any of them takes the mail', async () => {
    const done = await trials.smtpTest(mx('equal.test'));
    expect(done.status).toBe('passed');
    expect(shown(done).sort()).toEqual([`one.test ${ONE} passed`, `other.test ${OTHER} passed`]);
    expect([ONE, OTHER]).toContain((await delivered(mx('equal.test'))).address);
    const half = await trials.smtpTest(mx('half.test'));
    expect(half.status).toBe('failed');
    expect(shown(half).sort()).toEqual([`dead-half.test ${DEAD_HALF} failed`, `one.test ${ONE} passed`]);
    expect((await delivered(mx('half.test'))).address).toBe(ONE);
  });

  test('an MX host without an address fails the test, which names it and shows the others; mail goes to the next one', async () => {
    const done = await trials.smtpTest(mx('dangling.test'));
    expect(done).toMatchObject({ status: 'failed', code: 'DNS_NOT_FOUND', message: expect.stringContaining('gone.test') });
    expect(shown(done)).toEqual([`one.test ${ONE} passed`]);
    expect((await delivered(mx('dangling.test'))).address).toBe(ONE);
  });

  test('a domain without MX records is its own mail host', async () => {
    const done = await trials.smtpTest(mx('one.test'));
    expect(done.status).toBe('passed');
    expect(shown(done)).toEqual([`one.test ${ONE} passed`]);
    expect(dnsmasq.log()).toMatch(/query\[MX\] one\.test[\s\S]*query\[A\] one\.test/);
    expect((await delivered(mx('one.test'))).address).toBe(ONE);
  });

  test.each([
    ['a name that does not exist', 'nowhere.test', false, 'DNS_NOT_FOUND', /nowhere\.test/],
    ['a domain that does not exist', 'nowhere.test', true, 'DNS_NOT_FOUND', /nowhere\.test/],
    ['a name that has MX records only', 'equal.test', false, 'DNS_NOT_FOUND', /equal\.test/],
    ['a name that dnsmasq may not ask others for', 'mail.example.com', false, 'DNS_REFUSED', /refused/],
  ] as const)('%s', async (_name, server, resolveMx, code, message) => {
    const done = await trials.smtpTest(at(server, resolveMx));
    expect(done).toMatchObject({ status: 'failed', code, message: expect.stringMatching(message), hint: expect.stringContaining(dnsmasq.address), addresses: [] });
    const email = await trials.deliver(at(server, resolveMx));
    expect(lastAttempt(email)).toMatchObject({ outcome: 'deferred', stage: 'connect', code, address: null });
  });

  (hasIPv6() ? describe : describe.skip)('over IPv6', () => {
    test.each([['an address in brackets', `[${SIX}]`, SIX], ['an AAAA record', 'six.test', 'six.test']])('%s', async (_name, server, host) => {
      const done = await trials.smtpTest(at(server));
      expect(shown(done)).toEqual([`${host} ${SIX} passed`]);
      expect((await delivered(at(server))).address).toBe(SIX);
      expect(await inMailbox(postfix, ALICE, done.addresses[0]!.queueId)).toMatch(/^Received: from appliance\.real\.test \(\w+ \[IPv6:::1\]\)/m);
    });

    test('a name with both families is tested over both', async () => {
      const done = await trials.smtpTest(at('both.test'));
      expect(done.status).toBe('passed');
      expect(shown(done).sort()).toEqual([`both.test ${ONE} passed`, `both.test ${SIX} passed`]);
      expect([ONE, SIX]).toContain((await delivered(at('both.test'))).address);
    });
  });
}
