import { setMaxListeners } from 'node:events';
import { DnsFailure } from '../dns/dns-failure.js';
import type { Logger } from '../logger.js';
import { SmtpFailure } from '../smtp/failure.js';
import type { SmtpSession } from '../smtp/session.js';
import { Transcript } from '../smtp/transcript.js';
import type { ConnectionFacts } from '../smtp-session-logs/session-line.js';
import type { SmtpSessionLog } from '../smtp-session-logs/smtp-session-log.js';
import type { Relay } from '../smtp-settings/relay.js';
import { acceptedOutcome, type Attempt, failedOutcome, isDiagnosed, type RetryPlan } from './attempt-outcome.js';
import { Batch, type BatchFacts, type BatchItem } from './batch.js';
import type { ContentMemory, LazyContent } from './content-memory.js';
import { DELIVERY_BATCH } from './deliver-emails.job.js';
import type { Claim, ClaimedEmail, DeliveryRepository, OpenEmails, OutcomeMark, Started } from './delivery.repository.js';
import type { EmailStatus } from './emails.contract.js';
import { instant, type Leases } from './leases.js';
import { Marks } from './marks.js';
import { MessageSource, messageOf } from './message-source.js';
import type { RelayHealth } from './relay-health.js';
import type { RelayMemory } from './relay-memory.js';
import type { RelaySessions } from './relay-sessions.js';

export interface DelivererParts {
  relays: RelayMemory;
  contents: ContentMemory;
  deliveries: DeliveryRepository;
  leases: Leases;
  sessions: RelaySessions;
  sessionLog: SmtpSessionLog;
  health: RelayHealth;
  retries: RetryPlan;
  worker: string;
  logger: Logger;
  /** Told of each finished attempt. */
  attempted(outcome: { status: EmailStatus; seconds: number }): void;
}

/** How long e-mails wait, without an attempt, while the e-mail client is disabled: a change of the settings releases them at once. */
const POSTPONE_SECONDS = 300;
/** How often a connection that takes long to make is asked whether it is still wanted. */
const WATCH_MS = 2_000;

/** Hands e-mails over to the relay: claims a batch in the rows, and works on it over several connections (lanes). */
export class Deliverer {
  private readonly marks: Marks;

  constructor(private readonly parts: DelivererParts) {
    this.marks = new Marks((starts, outcomes) => parts.deliveries.mark(starts, outcomes));
  }

  async deliver(emailIds: string[], signal: AbortSignal): Promise<void> {
    const { deliveries, leases, worker } = this.parts;
    const askedAt = instant();
    const claim = await deliveries.claim(emailIds, worker, DELIVERY_BATCH);
    if (claim.emails.length === 0) return;
    const open: OpenEmails = new Map(claim.emails.map(({ id, status }) => [id, status]));
    try {
      await leases.hold(claim.leaseId, askedAt, () => this.work(claim, open, signal));
    } finally {
      await deliveries.release(claim.leaseId, open);
    }
  }

  /** @param open is kept up: e-mails that end are taken out */
  private async work(claim: Claim, open: OpenEmails, signal: AbortSignal): Promise<void> {
    const { deliveries, relays, health } = this.parts;
    const { leaseId, relayVersion, isUnreachable } = claim;
    const relay = await relays.relayOf(relayVersion);
    if (relay === null) {
      return deliveries.postpone(leaseId, POSTPONE_SECONDS, 'EMAIL_CLIENT_DISABLED', 'The e-mail client is disabled (serverAddress is null). Sending goes on when it is enabled.');
    }
    const standing = isUnreachable ? await health.standing(relay) : 'closed';
    if (standing === 'open') return deliveries.postponeUnreachable(leaseId, relay.version);
    try {
      await this.send(claim, { relay, signal, open, isProbe: standing === 'probe' });
    } catch (error) {
      if (standing === 'probe') await this.advise(health.notTried(relay));
      throw error;
    }
  }

  private async send({ emails }: Claim, facts: Omit<BatchFacts, 'messages'>): Promise<void> {
    const batch = new Batch({ ...facts, messages: new MessageSource(this.parts.contents, facts.relay, emails) }, emails);
    const lanes = Array.from({ length: batch.lanes }, () => this.lane(batch));
    try {
      await allEnded(lanes);
    } finally {
      await this.giveBack(batch);
      if (batch.notConnected !== null) this.parts.sessionLog.notConnected(batch.notConnected.facts, batch.notConnected.transcript);
    }
  }

  /** One connection's work: mail after mail, until nothing waits or the process is to end. */
  private async lane(batch: Batch): Promise<void> {
    while (!batch.isOver) {
      const session = await this.connect(batch);
      if (session === null) return;
      try {
        if (batch.isProbe) await this.parts.health.reached(batch.relay);
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
    const [begin, transcript, watch] = [beginning(), new Transcript(), this.watch(batch)];
    try {
      return await this.parts.sessions.acquire(batch.relay, transcript, watch.signal);
    } catch (error) {
      if (watch.signal.aborted) {
        if (batch.isProbe) await this.parts.health.notTried(batch.relay);
        return null; // given back as they are
      }
      if (!(error instanceof SmtpFailure || error instanceof DnsFailure)) throw error;
      const failed = batch.laneLost();
      const facts = connectionFacts(batch.relay, failed.length, begin, error);
      batch.notConnected = { facts, transcript };
      if (failed.length === 0) return null;
      await this.advise(this.parts.health.notConnected(batch.relay, error));
      await this.failAll(failed, batch, facts, begin.at, error);
      return null;
    } finally {
      watch.end();
    }
  }

  /** Aborts with the batch, and soon after nothing may be sent to its relay any more: to wait for all its addresses can take a quarter of an hour. */
  private watch({ relay, signal }: Batch): { signal: AbortSignal; end(): void } {
    const outdated = new AbortController();
    const stop = (): void => outdated.abort(signal.reason);
    const look = (): void => void this.parts.deliveries.maySend(relay.version).then((may) => may || outdated.abort(), () => undefined); // an outage is no change
    const timer = setInterval(look, WATCH_MS);
    setMaxListeners(0, signal); // each connection that is made listens
    signal.addEventListener('abort', stop);
    if (signal.aborted) stop();
    return {
      signal: outdated.signal,
      end: () => {
        clearInterval(timer);
        signal.removeEventListener('abort', stop);
      },
    };
  }

  private async failAll(items: BatchItem[], batch: Batch, { relay, address, port, durationMs }: ConnectionFacts, startedAt: Date, error: SmtpFailure | DnsFailure): Promise<void> {
    this.parts.logger.warn({ code: error.code, relay, emails: items.length }, error.message);
    const common = { startedAt, durationMs, worker: this.parts.worker, relayVersion: batch.relay.version, address, port };
    const outcomes = items.map(({ email, begun }) => {
      const attempt = { ...common, email, tries: begun?.started.tries ?? email.tries + 1, number: begun?.started.attemptCount ?? null };
      return failedOutcome(attempt, error, this.parts.retries);
    });
    await allEnded(outcomes.map((outcome) => this.record(outcome, batch)));
  }

  /** What waits and has begun cannot be given back as it is: its attempt ended with what went wrong. The rest the lease's release gives back. */
  private async giveBack(batch: Batch): Promise<void> {
    const begun = batch.takeAll().flatMap(({ email, begun: attempt }) => (attempt === null ? [] : [{ email, ...attempt }]));
    const now = beginning();
    await allEnded(begun.map(({ email, started, error }) => this.record(failedOutcome(this.attemptOf(email, started, batch, null, now), error, this.parts.retries), batch)));
  }

  /**
   * Sends over one session as long as it is usable. The outcome of a mail is on record before the next one starts, and before this ends in whatever way:
   * till then the lease is kept, or another worker would take the mail for one in doubt.
   */
  private async sendOver(session: SmtpSession, batch: Batch): Promise<void> {
    let last: Promise<void> = Promise.resolve();
    let reused = this.parts.sessions.wasUsed(session);
    try {
      for (let item = batch.waiting.shift(); item; item = batch.waiting.shift()) {
        await this.parts.health.take(batch.relay, batch.signal);
        if (batch.signal.aborted) {
          batch.waiting.unshift(item);
          break;
        }
        const [content, started] = await Promise.all([batch.messages.contentOf(item.email), this.start(item, batch), last]);
        if (started === null) continue;
        const outcome = await this.attempt(session, item, { started, content, reused }, batch);
        reused = true;
        last = outcome === null ? Promise.resolve() : this.record(outcome, batch);
        last.catch(() => undefined); // awaited with the next start, or below
        if (!session.usable) break;
      }
    } finally {
      await last;
    }
  }

  /** null: it must not be sent, or not now. */
  private async start({ email: { id, leaseId, forUser }, begun }: BatchItem, batch: Batch): Promise<Started | null> {
    const { deliveries, health } = this.parts;
    const relayVersion = batch.relay.version;
    const started = begun?.started ?? (await this.marks.start({ id, leaseId, forUser, relayVersion }));
    if (started === null) {
      if (!(await deliveries.maySend(relayVersion))) batch.holdBack();
      return null;
    }
    health.told(relayVersion, started.slowIntervalMs);
    if (!started.skipped) return started;
    batch.open.delete(id);
    return null;
  }

  /**
   * How the attempt ended. null: a connection that had been used before was gone when the mail began, as relays close them after some mails
   * or some time; the attempt goes on over another one, at last over a fresh one.
   */
  private async attempt(session: SmtpSession, item: BatchItem, { started, content, reused }: Ready, batch: Batch): Promise<OutcomeMark | null> {
    const email = { ...item.email, to: started.to };
    const { relay } = batch;
    const begin = beginning();
    batch.open.set(email.id, null);
    let outcome: OutcomeMark;
    try {
      const accepted = await session.send({ from: relay.senderAddress, to: email.to, message: messageOf(email, content!) }, { onHandover: () => this.parts.leases.assertHeld(email.leaseId) });
      outcome = acceptedOutcome(this.attemptOf(email, started, batch, session, begin), accepted, this.parts.sessions.takeFailures(session));
    } catch (error) {
      if (reused && wasGone(error)) {
        batch.waiting.unshift({ email, begun: { started, error } });
        return null;
      }
      await this.advise(this.parts.health.failed(relay, error));
      if (!isDiagnosed(error)) this.parts.logger.error({ err: error, emailId: email.id }, 'an attempt failed unexpectedly');
      outcome = failedOutcome(this.attemptOf(email, started, batch, session, begin), error, this.parts.retries);
    }
    this.log(outcome, email, relay, session);
    return outcome;
  }

  private attemptOf(email: ClaimedEmail, { tries, attemptCount }: Started, { relay }: Batch, session: SmtpSession | null, begin: Beginning): Attempt {
    const { address = null, port = null } = session?.endpoint ?? {};
    return { email, tries, number: attemptCount, startedAt: begin.at, durationMs: elapsedMs(begin), worker: this.parts.worker, relayVersion: relay.version, address, port };
  }

  private log(outcome: OutcomeMark, email: ClaimedEmail, relay: Relay, session: SmtpSession): void {
    const transcript = this.parts.sessions.transcriptOf(session);
    const facts = { ...outcome, relay: relay.serverAddress, from: relay.senderAddress, to: email.to, messageId: email.messageId, tls: session.tls?.protocol ?? null };
    this.parts.sessionLog.delivery(email.id, facts, transcript);
    transcript.reset();
  }

  /** What all workers are to know of the relay. No outcome depends on whether it could be told. */
  private async advise(told: Promise<void>): Promise<void> {
    await told.catch((error: unknown) => this.parts.logger.warn({ err: error }, 'how the relay does could not be recorded'));
  }

  private async record(outcome: OutcomeMark, { open }: Batch): Promise<void> {
    await this.marks.outcome(outcome);
    open.delete(outcome.id);
    const { id, status, code, durationMs, address } = outcome;
    this.parts.attempted({ status, seconds: durationMs / 1_000 });
    this.parts.logger.debug({ emailId: id, status, code, address, ms: durationMs }, 'e-mail attempt');
  }
}

/** What an attempt begins with. */
interface Ready {
  started: Started;
  /** undefined: it is gone, which is told as a fault of ours. */
  content: LazyContent | undefined;
  /** The connection has had another mail. */
  reused: boolean;
}

interface Beginning {
  at: Date;
  /** By a clock that nobody sets. */
  monotonic: number;
}

const beginning = (): Beginning => ({ at: new Date(), monotonic: performance.now() });
const elapsedMs = ({ monotonic }: Beginning): number => Math.round(performance.now() - monotonic);

/** Waits for all, whatever becomes of them; then it fails when one has. */
async function allEnded(promises: Promise<unknown>[]): Promise<void> {
  for (const result of await Promise.allSettled(promises)) if (result.status === 'rejected') throw result.reason;
}

/** Nothing of the mail had been answered, and nothing handed over. */
const wasGone = (error: unknown): boolean => error instanceof SmtpFailure && error.code === 'CONNECTION_LOST' && error.stage === 'mailFrom' && error.reply === null && !error.messageHandedOver;

function connectionFacts({ serverAddress, port }: Relay, emails: number, begin: Beginning, error: SmtpFailure | DnsFailure): ConnectionFacts {
  const { code, message } = error;
  const address = error instanceof SmtpFailure ? error.address : null;
  return { relay: serverAddress, address, port, emails, durationMs: elapsedMs(begin), code, message };
}
