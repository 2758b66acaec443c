import { DnsFailure } from '../dns/dns-failure.js';
import type { Resolution, ResolvedAddress } from '../dns/resolve.js';
import type { ServerAddress } from '../dns/server-address.js';
import type { Logger } from '../logger.js';
import { MailroomError } from '../errors.js';
import { addressDenied } from '../smtp/address-denied.js';
import type { RelayEndpoint } from '../smtp/endpoint.js';
import { SmtpFailure } from '../smtp/failure.js';
import type { Relay } from '../smtp-settings/relay.js';
import { relayEndpoint, serverOf } from '../smtp-settings/relay-endpoint.js';
import { AddressTest } from './address-test.js';
import { statusOf, summaryOf } from './outcome.js';
import type { SmtpTestAddress } from './smtp-tests.contract.js';
import type { SmtpTestRow, SmtpTestsRepository, TestEnd } from './smtp-tests.repository.js';
import { testMessage } from './test-message.js';

export interface RunnerParts {
  tests: SmtpTestsRepository;
  /** The settings under test: the test's candidate, or the saved ones; null when the e-mail client was disabled meanwhile. */
  relayOf(test: SmtpTestRow): Promise<Relay | null>;
  resolve(server: ServerAddress, resolveMx: boolean, options: { signal: AbortSignal; timeoutMs: number }): Promise<Resolution>;
  denies(address: string): boolean;
  /** Keeps the dialogue of each address in the session log. */
  log(session: { testId: string; address: string | null; line: string; transcript: string | null }): void;
  /** Called when the gate opens: waiting mail and waiting tests may go on. */
  opened(): void;
  worker: string;
  logger: Logger;
}

const RENEW_MS = 3_000;
const QUIET_POLL_MS = 50;
/** At most so often the stages that came are written. */
const PROGRESS_MS = 100;

/** Runs tests, one at a time over all processes: closes the gate, waits until nothing is being sent, and tests every address. */
export class SmtpTestRunner {
  constructor(private readonly parts: RunnerParts) {}

  /** Runs the oldest test that waits, when the gate can be closed for it. */
  async run(signal: AbortSignal): Promise<void> {
    const test = await this.parts.tests.closeGate();
    if (test === null) return;
    const lost = new AbortController();
    const renewal = setInterval(() => void this.renew(test.id, lost), RENEW_MS);
    try {
      await this.runWithGate(test, AbortSignal.any([signal, lost.signal]));
    } finally {
      clearInterval(renewal);
      this.parts.opened();
    }
  }

  private async renew(testId: string, lost: AbortController): Promise<void> {
    const held = await this.parts.tests.holdGate(testId).catch(() => true); // an outage is no loss: the next renewal tells
    if (!held) lost.abort();
  }

  private async runWithGate(test: SmtpTestRow, signal: AbortSignal): Promise<void> {
    while (!signal.aborted && (await this.parts.tests.isSending())) await new Promise((wake) => setTimeout(wake, QUIET_POLL_MS));
    await this.parts.tests.start(test.id, this.parts.worker);
    const end = await this.endOf(test, signal).catch((error: unknown) => this.faultOf(error));
    await this.parts.tests.end(test.id, end);
    this.parts.logger.info({ testId: test.id, status: end.status, addresses: end.addresses.length }, 'SMTP test');
  }

  private async endOf(test: SmtpTestRow, signal: AbortSignal): Promise<TestEnd> {
    const relay = await this.parts.relayOf(test);
    if (relay === null) return ended('failed', 'SMTP_DISABLED', 'The e-mail client was disabled before the test began.', 'Set serverAddress, then start the test again.');
    const timeoutMs = test.timeoutSeconds * 1_000;
    const { addresses: resolved, failures, leftOut } = await this.parts.resolve(serverOf(relay), relay.resolveMx, { signal, timeoutMs });
    const addresses = await this.testAll(test, relay, resolved, signal);
    if (signal.aborted) return { ...ended('failed', 'TEST_INTERRUPTED', 'Mailroom was stopped while the test ran.', 'Start the test again.'), addresses };
    const message = summaryOf(addresses, test.sendTo, leftOut);
    const [unknown] = failures; // a host that has no address is one that mail cannot reach, however well the others do
    if (unknown === undefined) return { status: statusOf(addresses), addresses, code: null, message, hint: null };
    return { status: 'failed', addresses, code: unknown.code, message: `${failures.map((failure) => failure.message).join(' ')} ${message}`, hint: unknown.hint };
  }

  private async testAll(test: SmtpTestRow, relay: Relay, resolved: ResolvedAddress[], signal: AbortSignal): Promise<SmtpTestAddress[]> {
    const [sender, timeoutMs] = [test.senderAddress ?? relay.senderAddress, test.timeoutSeconds * 1_000];
    const progress = new Progress(() => this.parts.tests.progress(test.id, runs.map(({ result }) => result)));
    const message = ({ address, host }: ResolvedAddress): Buffer =>
      testMessage({ testId: test.id, relay, sender, sendTo: test.sendTo, address, host, requestedBy: test.requestedBy, at: new Date() });
    const runs = resolved.map((address) => new AddressTest({
      resolved: address,
      endpoint: (one, lateness) => this.endpointOf(relay, one, timeoutMs, lateness),
      message,
      from: sender,
      sendTo: test.sendTo,
      port: relay.port,
      security: relay.security,
      timeoutMs,
      signal,
      changed: () => progress.changed(),
    }));
    await Promise.all(runs.map((run) => run.run()));
    await progress.close();
    const results = runs.map(({ result }) => result);
    results.forEach((result) => this.logged(test, relay, result));
    return results;
  }

  /** A test asks the token server anew: a client secret that was revoked must not pass because of a token that still lives. */
  private async endpointOf(relay: Relay, { address, host }: ResolvedAddress, timeoutMs: number, signal: AbortSignal): Promise<RelayEndpoint> {
    if (this.parts.denies(address)) throw addressDenied({ address, host, port: relay.port });
    const [credentials, tls] = await Promise.all([relay.credentials({ fresh: true, signal }), relay.tls()]);
    return relayEndpoint(relay, address, { credentials, tls, timeouts: { connectMs: timeoutMs, greetingMs: timeoutMs, commandMs: timeoutMs, dataMs: timeoutMs } });
  }

  private logged(test: SmtpTestRow, relay: Relay, { address, status, durationMs, message, transcript }: SmtpTestAddress): void {
    const line = `${relay.serverAddress} ${address} port ${relay.port} test to ${test.sendTo}: ${status} in ${durationMs ?? 0} ms. ${message ?? ''}`.trim();
    this.parts.log({ testId: test.id, address, line, transcript });
  }

  /** The test ends with what is known; what nobody expected is logged and told as such. */
  private faultOf(error: unknown): TestEnd {
    if (error instanceof DnsFailure) return ended(error.code === 'DNS_TIMEOUT' ? 'timedOut' : 'failed', error.code, error.message, error.hint);
    if (error instanceof SmtpFailure) return ended('failed', error.code, error.message, error.hint);
    if (error instanceof MailroomError) return ended('failed', error.code, error.message, null);
    this.parts.logger.error({ err: error }, 'an SMTP test failed unexpectedly');
    return ended('failed', 'TEST_FAILED', 'The test could not be run, by a fault of Mailroom. Its log tells more.', null);
  }
}

const ended = (status: TestEnd['status'], code: string, message: string, hint: string | null): TestEnd => ({ status, code, message, hint, addresses: [] });

/** Writes what changed, not more often than people can look. A write that fails is not worth failing the test: the end writes everything. */
class Progress {
  private timer: NodeJS.Timeout | undefined;
  private writing: Promise<void> = Promise.resolve();

  constructor(private readonly write: () => Promise<void>) {}

  changed(): void {
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      this.writing = this.writing.then(this.write).catch(() => undefined);
    }, PROGRESS_MS);
  }

  async close(): Promise<void> {
    clearTimeout(this.timer);
    await this.writing;
  }
}
