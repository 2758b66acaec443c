import { type ResolvedAddress, resolveServer } from '../dns/resolve.js';
import { parseServerAddress, type ServerAddress } from '../dns/server-address.js';
import type { Credentials, RelayEndpoint } from '../smtp/endpoint.js';
import { SmtpFailure } from '../smtp/failure.js';
import { openSession, type SmtpSession } from '../smtp/session.js';
import type { Relay } from '../smtp-settings/relay.js';

/** Milliseconds. RFC 5321 §4.5.3.2 allows minutes; a relay that is that slow holds up all other mail. */
const TIMEOUTS = { connectMs: 10_000, greetingMs: 30_000, commandMs: 30_000, dataMs: 120_000 };
const IDLE_MS = 5_000;
const FAREWELL_MS = 1_000;

interface Waiting {
  resolve(): void;
}

/**
 * The connections of this process to the relay: at most `maxConnections`, kept for a while between mails, and not used any more
 * once the settings have changed.
 */
export class RelaySessions {
  private readonly idle: { session: SmtpSession; version: number; timer: NodeJS.Timeout }[] = [];
  private readonly waiting: Waiting[] = [];
  private readonly open = new Set<SmtpSession>();
  private taken = 0;

  /**
   * A session that is ready to send. Tries each address of the relay in turn.
   * @throws SmtpFailure or DnsFailure when none can be reached: the last one's
   */
  async acquire(relay: Relay): Promise<SmtpSession> {
    await this.place(relay.maxConnections);
    try {
      return this.reuse(relay.version) ?? (await this.connect(relay));
    } catch (error) {
      this.free();
      throw error;
    }
  }

  release(session: SmtpSession, relay: Relay): void {
    this.free();
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

  /** Cuts every connection, also in the middle of a mail. */
  cut(): void {
    [...this.open].forEach((session) => this.end(session));
  }

  private async place(limit: number): Promise<void> {
    while (this.taken >= limit) await new Promise<void>((resolve) => this.waiting.push({ resolve }));
    this.taken += 1;
  }

  private free(): void {
    this.taken -= 1;
    this.waiting.shift()?.resolve();
  }

  private reuse(version: number): SmtpSession | null {
    for (let kept = this.idle.pop(); kept; kept = this.idle.pop()) {
      clearTimeout(kept.timer);
      if (kept.version === version && kept.session.usable) return kept.session;
      this.end(kept.session);
    }
    return null;
  }

  private async connect(relay: Relay): Promise<SmtpSession> {
    const server = parseServerAddress(relay.serverAddress) as ServerAddress; // was checked when it was saved
    const credentials = credentialsOf(relay);
    const addresses = await resolveServer(server, relay.resolveMx);
    let failure: unknown;
    for (const address of addresses) {
      try {
        const session = await openSession(endpointOf(relay, server, address, credentials));
        this.open.add(session);
        return session;
      } catch (error) {
        failure = error;
      }
    }
    throw failure;
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

function credentialsOf({ account, serverAddress }: Relay): Credentials {
  if (account === null) return { type: 'none' };
  if (account.password !== null) return { type: 'password', accountName: account.name, password: account.password };
  throw new SmtpFailure({
    code: 'PASSWORD_MISSING',
    stage: 'auth',
    message: `The SMTP settings name the account ${account.name} but no password is stored for it.`,
    hint: 'Enter the password in the SMTP settings.',
    address: serverAddress,
  });
}

function endpointOf(relay: Relay, server: ServerAddress, { address }: ResolvedAddress, credentials: Credentials): RelayEndpoint {
  const { port, security, verifyCertificate, clientHostname } = relay;
  return { address, port, host: server.host, security, verifyCertificate, clientHostname, credentials, timeouts: TIMEOUTS };
}
