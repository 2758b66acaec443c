import type { Dns } from '../dns/resolve.js';
import { addressDenied } from '../smtp/address-denied.js';
import type { RelayEndpoint } from '../smtp/endpoint.js';
import { SmtpFailure } from '../smtp/failure.js';
import { openSession, type SmtpSession } from '../smtp/session.js';
import type { StageName } from '../smtp/stage.js';
import type { Transcript } from '../smtp/transcript.js';
import { openWith, type Relay } from '../smtp-settings/relay.js';
import { relayEndpoint, serverOf } from '../smtp-settings/relay-endpoint.js';
import { AddressMemory } from './address-memory.js';

export interface RelayOpenerParts {
  dns: Pick<Dns, 'resolveServer'>;
  /** Whether no connection may be opened to an address. */
  denies(address: string): boolean;
  timeouts?: RelayEndpoint['timeouts'];
}

/** A session, and what went wrong at the addresses that were tried before. */
export interface SessionOpening {
  session: SmtpSession;
  failures: readonly SmtpFailure[];
}

/** Milliseconds. RFC 5321 §4.5.3.2 allows minutes; a relay that is that slow holds up all other mail. */
const TIMEOUTS = { connectMs: 10_000, greetingMs: 30_000, commandMs: 30_000, dataMs: 120_000 };
/** How many failures of other addresses one sentence tells. */
const TOLD = 3;

/** Opens sessions with a relay: tries its addresses one after the other, until one answers (RFC 5321 §5.1). */
export class RelayOpener {
  private readonly memory = new AddressMemory();

  constructor(private readonly parts: RelayOpenerParts) {}

  /**
   * @param transcript gets the dialogue with every address that was tried
   * @param signal ends the opening, and the session too
   * @throws DnsFailure; SmtpFailure: the one that came furthest, which tells of the others
   */
  async open(relay: Relay, transcript: Transcript, signal: AbortSignal): Promise<SessionOpening> {
    const [credentials, tls] = await Promise.all([relay.credentials({ signal }), relay.tls()]);
    const addresses = await this.parts.dns.resolveServer(serverOf(relay), relay.resolveMx, { signal });
    const failures: SmtpFailure[] = [];
    for (const { address } of this.memory.inOrder(addresses, relay.port)) {
      try {
        const session = await openWith(relay, credentials, (current) => this.openAt(relayEndpoint(relay, address, { credentials: current, tls, timeouts: this.parts.timeouts ?? TIMEOUTS }), transcript, signal), { signal });
        this.memory.answered(address, relay.port);
        return { session, failures };
      } catch (error) {
        if (!(error instanceof SmtpFailure)) throw error;
        transcript.note(error.message);
        failures.push(error);
        if (isSilence(error)) this.memory.failed(address, relay.port);
        if (isSameEverywhere(error)) break;
      }
    }
    throw combined(failures);
  }

  /** The deny list is asked for the very address that is connected to: what a name leads to is somebody else's word. */
  private openAt(endpoint: RelayEndpoint, transcript: Transcript, signal: AbortSignal): Promise<SmtpSession> {
    if (this.parts.denies(endpoint.address)) throw addressDenied(endpoint);
    transcript.note(`Connecting to ${endpoint.address}, port ${endpoint.port}.`);
    return openSession(endpoint, { transcript, signal });
  }
}

/** Nothing useful came from there: another address is better for a while. A server that answers, though with a refusal, is none of these. */
const isSilence = ({ code, stage, replyCode }: SmtpFailure): boolean => replyCode === null && stage !== 'auth' && !['ABORTED', 'SMTP_ADDRESS_DENIED'].includes(code);

/** The other addresses would say the same; and a wrong password that is tried at each of them locks the account. */
const isSameEverywhere = ({ code, stage, replyCode }: SmtpFailure): boolean => code === 'ABORTED' || (stage === 'auth' && replyCode !== null && replyCode >= 500);

const FURTHEST: readonly StageName[] = ['auth', 'startTls', 'ehlo', 'greeting', 'tls', 'connect'];

/** One failure for all addresses: the one that came furthest has the most to tell. */
function combined(failures: readonly SmtpFailure[]): SmtpFailure {
  const stage = FURTHEST.find((name) => failures.some((failure) => failure.stage === name));
  const main = failures.find((failure) => failure.stage === stage) ?? failures[0]!;
  const others = failures.filter((failure) => failure !== main);
  if (others.length === 0) return main;
  const { code, hint, address, reply, replyCode, enhancedCode, stages, tls } = main;
  const failure = new SmtpFailure({ code, stage: main.stage, message: `${main.message} No other address helped: ${told(others)}`, hint, address, reply, replyCode, enhancedCode, cause: main });
  return Object.assign(failure, { stages, tls });
}

/** What went wrong at some addresses, in few sentences. */
export function told(failures: readonly SmtpFailure[]): string {
  const sentences = failures.slice(0, TOLD).map(({ message }) => message);
  return [...sentences, ...(failures.length > TOLD ? [`And ${failures.length - TOLD} more.`] : [])].join(' ');
}
