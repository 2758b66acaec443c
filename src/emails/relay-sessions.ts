import { setMaxListeners } from 'node:events';
import { SmtpFailure } from '../smtp/failure.js';
import type { SmtpSession } from '../smtp/session.js';
import { Transcript } from '../smtp/transcript.js';
import type { Relay } from '../smtp-settings/relay.js';
import type { RelayOpener } from './relay-opener.js';

const IDLE_MS = 5_000;
/** How long a relay's limit of connections is kept to before more are tried again. */
const CEILING_MS = 60_000;
const FAREWELL_MS = 1_000;

/** How a session came to be. */
interface Opening {
  transcript: Transcript;
  failures: readonly SmtpFailure[];
}

/**
 * The connections of this process to the relay: at most `maxConnections`, kept for a while between mails, and not used any more
 * once the settings have changed.
 */
export class RelaySessions {
  private readonly idle: { session: SmtpSession; version: string; timer: NodeJS.Timeout }[] = [];
  private readonly waiting: (() => void)[] = [];
  private readonly open = new Set<SmtpSession>();
  private readonly openings = new WeakMap<SmtpSession, Opening>();
  /** Connections that are being made. */
  private readonly underWay = new Set<AbortController>();
  private readonly used = new WeakSet<SmtpSession>();
  private taken = 0;
  /** How many connections the relay takes, when it has said that one more is too many. */
  private ceiling = { connections: Infinity, until: 0 };

  constructor(private readonly opener: Pick<RelayOpener, 'open'>) {}

  /**
   * A session that is ready to send.
   * @param transcript gets the dialogue when a connection has to be made, also that of a failed one
   * @param signal ends the wait for a free place and for a connection; a session that was given out does not hear it any more
   * @throws SmtpFailure or DnsFailure when no address answers; the signal's reason when it was aborted
   */
  async acquire(relay: Relay, transcript = new Transcript(), signal?: AbortSignal): Promise<SmtpSession> {
    if (signal) setMaxListeners(0, signal); // each connection and whoever waits for one listens
    for (;;) {
      await this.place(relay.maxConnections, signal);
      try {
        return this.reuse(relay.version) ?? (await this.connect(relay, transcript, signal));
      } catch (error) {
        this.free();
        signal?.throwIfAborted();
        if (!this.isFull(error)) throw error;
      }
    }
  }

  /** Whether mail went over the session before it was given out now: then its server may have closed it meanwhile. */
  wasUsed(session: SmtpSession): boolean {
    return this.used.has(session);
  }

  /** The opening of a session that `acquire` gave out, and what followed since its last `reset`. */
  transcriptOf(session: SmtpSession): Transcript {
    return this.openings.get(session)!.transcript;
  }

  /** What went wrong at the addresses that were tried before this one: told once, to the first mail. */
  takeFailures(session: SmtpSession): readonly SmtpFailure[] {
    const opening = this.openings.get(session)!;
    const { failures } = opening;
    opening.failures = [];
    return failures;
  }

  release(session: SmtpSession, relay: Relay): void {
    this.free();
    this.used.add(session);
    if (!session.usable) return this.end(session);
    const timer = setTimeout(() => this.retire(session), IDLE_MS);
    timer.unref();
    this.idle.push({ session, version: relay.version, timer });
  }

  /** Says QUIT on idle connections, waits a second at most for the answers, and cuts what is left. */
  async close(): Promise<void> {
    const idle = this.idle.splice(0);
    idle.forEach(({ timer }) => clearTimeout(timer));
    const impatient = setTimeout(() => this.cut(), FAREWELL_MS);
    await Promise.all(idle.map(({ session }) => session.quit()));
    clearTimeout(impatient);
    this.cut();
  }

  /** Cuts every connection, also in the middle of a mail, and stops those that are being made. */
  cut(): void {
    this.underWay.forEach((opening) => opening.abort());
    [...this.open].forEach((session) => this.end(session));
  }

  /**
   * A relay that has connections of ours and answers one more with 421 takes no more than those for now: it is no failure, but a limit, and
   * whoever asked waits for one of them.
   */
  private isFull(error: unknown): boolean {
    if (!(error instanceof SmtpFailure) || error.replyCode !== 421 || this.taken === 0) return false;
    this.ceiling = { connections: this.taken, until: Date.now() + CEILING_MS };
    return true;
  }

  private limitOf(maxConnections: number): number {
    return Date.now() < this.ceiling.until ? Math.min(maxConnections, this.ceiling.connections) : maxConnections;
  }

  private async place(maxConnections: number, signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted();
    while (this.taken >= this.limitOf(maxConnections)) await this.turn(signal);
    this.taken += 1;
  }

  /** Waits until a place has become free, which another one may take first. */
  private turn(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const stop = (): void => {
        this.waiting.splice(this.waiting.indexOf(wake), 1);
        reject(signal?.reason as Error);
      };
      const wake = (): void => {
        signal?.removeEventListener('abort', stop);
        resolve();
      };
      this.waiting.push(wake);
      signal?.addEventListener('abort', stop);
      if (signal?.aborted) stop();
    });
  }

  private free(): void {
    this.taken -= 1;
    this.waiting.shift()?.();
  }

  private reuse(version: string): SmtpSession | null {
    for (let kept = this.idle.pop(); kept; kept = this.idle.pop()) {
      clearTimeout(kept.timer);
      if (kept.version === version && kept.session.usable) return kept.session;
      this.end(kept.session);
    }
    return null;
  }

  private async connect(relay: Relay, transcript: Transcript, signal: AbortSignal | undefined): Promise<SmtpSession> {
    const opening = new AbortController();
    const stop = (): void => opening.abort(signal?.reason);
    signal?.addEventListener('abort', stop);
    this.underWay.add(opening);
    if (signal?.aborted) stop();
    try {
      const { session, failures } = await this.opener.open(relay, transcript, opening.signal);
      transcript.mark();
      this.openings.set(session, { transcript, failures });
      this.open.add(session);
      return session;
    } finally {
      signal?.removeEventListener('abort', stop);
      this.underWay.delete(opening);
    }
  }

  private retire(session: SmtpSession): void {
    const index = this.idle.findIndex((kept) => kept.session === session);
    if (index >= 0) this.idle.splice(index, 1);
    void session.quit().finally(() => this.end(session));
  }

  private end(session: SmtpSession): void {
    this.open.delete(session);
    session.destroy();
  }
}
