import type { Logger } from '../logger.js';
import { SecretError } from '../secrets/key-ring.js';
import { DnsFailure } from '../dns/resolve.js';
import { SmtpFailure } from '../smtp/failure.js';
import type { SmtpSession } from '../smtp/session.js';
import type { Relay } from '../smtp-settings/relay.js';
import { acceptedOutcome, type Attempt, failedOutcome, type RetryPlan } from './attempt-outcome.js';
import type { ClaimedEmail, DeliveryRepository, OutcomeMark, Started } from './delivery.repository.js';
import type { EmailStatus } from './emails.contract.js';
import type { Leases } from './leases.js';
import { Marks } from './marks.js';
import { MessageSource } from './message-source.js';
import type { Pace } from './pace.js';
import type { RelaySessions } from './relay-sessions.js';

export interface DelivererParts {
  relay(): Promise<Relay | null>;
  deliveries: DeliveryRepository;
  leases: Leases;
  sessions: RelaySessions;
  pace: Pace;
  retries: RetryPlan;
  worker: string;
  logger: Logger;
  /** Told of each finished attempt. */
  attempted(outcome: { status: EmailStatus; seconds: number }): void;
}

/** How long e-mails wait, without an attempt, while there is nothing to try: a change of the settings releases them at once. */
const POSTPONE_SECONDS = 300;

/** The e-mails of one job, and how far it is with them. */
interface Batch {
  relay: Relay;
  waiting: ClaimedEmail[];
  messages: MessageSource;
  signal: AbortSignal;
  /** Lanes that have a session, or may still get one. */
  hopeful: number;
}

/** Hands e-mails over to the relay: claims a batch in the rows, and works on it over several connections (lanes). */
export class Deliverer {
  private readonly marks: Marks;

  constructor(private readonly parts: DelivererParts) {
    this.marks = new Marks((starts, outcomes) => parts.deliveries.mark(starts, outcomes));
  }

  async deliver(emailIds: string[], signal: AbortSignal): Promise<void> {
    const { deliveries, leases, worker } = this.parts;
    const claimed = await deliveries.claim(emailIds, worker);
    const leaseId = claimed[0]?.leaseId;
    if (leaseId === undefined) return;
    try {
      await leases.hold(leaseId, () => this.work(claimed, leaseId, signal));
    } finally {
      await deliveries.release(leaseId);
    }
  }

  private async work(claimed: ClaimedEmail[], leaseId: string, signal: AbortSignal): Promise<void> {
    const relay = await this.relayOr((code, reason) => this.parts.deliveries.postpone(leaseId, POSTPONE_SECONDS, code, reason));
    if (relay === null) return;
    const contents = await this.parts.deliveries.contents([...new Set(claimed.map(({ eventId }) => eventId))]);
    const hopeful = Math.min(relay.maxConnections, claimed.length);
    const batch: Batch = { relay, waiting: [...claimed], messages: new MessageSource(relay, contents), signal, hopeful };
    const lanes = Array.from({ length: hopeful }, () => this.lane(batch));
    const results = await Promise.allSettled(lanes);
    for (const result of results) if (result.status === 'rejected') throw result.reason;
  }

  /** The relay, or a reason why nothing can be tried now. */
  private async relayOr(postpone: (code: string, reason: string) => Promise<void>): Promise<Relay | null> {
    try {
      const relay = await this.parts.relay();
      if (relay === null) await postpone('EMAIL_CLIENT_DISABLED', 'The e-mail client is disabled (serverAddress is null). Sending goes on when it is enabled.');
      return relay;
    } catch (error) {
      if (!(error instanceof SecretError)) throw error;
      await postpone(error.code, `The stored SMTP password cannot be read: ${error.message} Enter it again in the SMTP settings.`);
      return null;
    }
  }

  /** One connection's work: mail after mail, until nothing waits or the process is to end. */
  private async lane(batch: Batch): Promise<void> {
    while (batch.waiting.length > 0 && !batch.signal.aborted) {
      const session = await this.connect(batch);
      if (session === null) return;
      try {
        await this.sendOver(session, batch);
      } finally {
        this.parts.sessions.release(session, batch.relay);
      }
    }
  }

  /**
   * A relay that refuses one connection more (too many already) costs this lane alone. When no lane has got one, the relay cannot be
   * reached: all that waits gets the last failure as its attempt, in one statement.
   */
  private async connect(batch: Batch): Promise<SmtpSession | null> {
    const startedAt = new Date();
    try {
      return await this.parts.sessions.acquire(batch.relay);
    } catch (error) {
      if (!(error instanceof SmtpFailure || error instanceof DnsFailure)) throw error;
      batch.hopeful -= 1;
      if (batch.hopeful === 0) await this.failAll(batch.waiting.splice(0), batch.relay, startedAt, error);
      return null;
    }
  }

  private async failAll(emails: ClaimedEmail[], relay: Relay, startedAt: Date, error: SmtpFailure | DnsFailure): Promise<void> {
    if (emails.length === 0) return;
    const durationMs = Date.now() - startedAt.getTime();
    const address = error instanceof SmtpFailure ? error.address : null;
    const { worker, retries, logger } = this.parts;
    logger.warn({ code: error.code, relay: relay.serverAddress, emails: emails.length }, error.message);
    const outcomes = emails.map((email) =>
      failedOutcome({ email, tries: email.tries + 1, number: null, startedAt, durationMs, worker, address, port: relay.port }, error, retries));
    await Promise.all(outcomes.map((outcome) => this.record(outcome)));
  }

  /** Sends over one session as long as it is usable. The outcome of a mail is on record before the next one starts. */
  private async sendOver(session: SmtpSession, batch: Batch): Promise<void> {
    let last: Promise<void> = Promise.resolve();
    for (let email = batch.waiting.shift(); email; email = batch.waiting.shift()) {
      await this.parts.pace.take(batch.relay, batch.signal);
      if (batch.signal.aborted) {
        batch.waiting.unshift(email);
        break;
      }
      const [started] = await Promise.all([this.marks.start({ id: email.id, leaseId: email.leaseId }), last]);
      last = started === null ? Promise.resolve() : this.record(await this.attempt(session, email, started, batch));
      last.catch(() => undefined); // awaited with the next start, or below
      if (!session.usable) break;
    }
    await last;
  }

  private async attempt(session: SmtpSession, email: ClaimedEmail, started: Started, { relay, messages }: Batch): Promise<OutcomeMark> {
    const startedAt = new Date();
    const facts = (): Attempt => ({
      email,
      tries: started.tries,
      number: started.attemptCount,
      startedAt,
      durationMs: Date.now() - startedAt.getTime(),
      worker: this.parts.worker,
      address: session.endpoint.address,
      port: session.endpoint.port,
    });
    try {
      const accepted = await session.send({ from: relay.senderAddress, to: email.to, message: await messages.messageFor(email) });
      return acceptedOutcome(facts(), accepted);
    } catch (error) {
      return failedOutcome(facts(), error, this.parts.retries);
    }
  }

  private async record(outcome: OutcomeMark): Promise<void> {
    await this.marks.outcome(outcome);
    const { id, status, code, durationMs, address } = outcome;
    this.parts.attempted({ status, seconds: durationMs / 1_000 });
    this.parts.logger[status === 'sent' ? 'debug' : 'info']({ emailId: id, status, code, address, ms: durationMs }, 'e-mail attempt');
  }
}
