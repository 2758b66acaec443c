import type { Actor } from '../contract/actor.js';
import { idSliceOf, type PageQuery, pageOf } from '../contract/page.js';
import { invalid, MailroomError, notFound } from '../errors.js';
import { type Answer, claimOf, type IdempotencyService } from '../idempotency/idempotency.service.js';
import { newId } from '../ids.js';
import { checkMailbox } from '../smtp/mailbox-fault.js';
import type { SmtpSettingsService } from '../smtp-settings/smtp-settings.service.js';
import { changesOf } from './changes.js';
import type { SmtpTest, SmtpTestAddress, SmtpTestPage, SmtpTestRequest, SmtpTestStage } from './smtp-tests.contract.js';
import type { NewSmtpTest, SmtpTestRow, SmtpTestsRepository } from './smtp-tests.repository.js';

/** Tells the workers that tests wait. Never fails: the rows are durable, the sweeper finds what a nudge missed. */
type Nudge = (testId: string) => void;

const POLL_MS = 100;

export class SmtpTestsService {
  constructor(
    private readonly tests: SmtpTestsRepository,
    private readonly settings: SmtpSettingsService,
    private readonly idempotency: IdempotencyService,
    private readonly nudge: Nudge,
  ) {}

  async start(actor: Actor, body: SmtpTestRequest, idempotencyKey: string | undefined): Promise<Answer<SmtpTest>> {
    refuseInvalid(body);
    const { sendTo, senderAddress = null, timeoutSeconds = 30 } = body;
    const sealed = body.settings === undefined ? null : await this.settings.sealCandidate(body.settings, { senderAddress });
    if (sealed === null) await this.refuseDisabled();
    const candidate = (sealed?.candidate ?? null) as NewSmtpTest['candidate'];
    const test = { id: newId(), sendTo, senderAddress, timeoutSeconds, candidate, secretCiphertext: sealed?.secretCiphertext ?? null, requestedBy: actor.name };
    const claim = claimOf(actor, 'startSmtpTest', idempotencyKey, body);
    const answer = await this.idempotency.once(claim, async (tx) => toSmtpTest(await this.tests.create(tx, test)));
    if (!answer.replayed) this.nudge(answer.response.id);
    return answer;
  }

  async get(id: string): Promise<SmtpTest> {
    return toSmtpTest(await this.row(id));
  }

  async list(query: PageQuery): Promise<SmtpTestPage> {
    const slice = idSliceOf(query);
    return pageOf(await this.tests.list(slice), slice.limit, (row) => row.id, toSmtpTest);
  }

  /** Each change of the test as it comes: stages, addresses, and at last the whole test. Throws at once when there is no such test. */
  async watch(id: string, signal: AbortSignal): Promise<AsyncGenerator<{ event: string; data: unknown }>> {
    const first = await this.row(id);
    return this.follow(first, signal);
  }

  private async *follow(first: SmtpTestRow, signal: AbortSignal): AsyncGenerator<{ event: string; data: unknown }> {
    let [shown, revision]: [SmtpTest | null, number] = [null, -1];
    for (let row: SmtpTestRow | null = first; row !== null && !signal.aborted; row = await this.tests.find(first.id)) {
      if (row.revision !== revision) {
        const test = toSmtpTest(row);
        yield* changesOf(shown, test);
        [shown, revision] = [test, row.revision];
        if (test.finishedAt !== null) return;
      } else {
        yield { event: 'heartbeat', data: null };
      }
      await pause(POLL_MS);
    }
  }

  private async row(id: string): Promise<SmtpTestRow> {
    const row = await this.tests.find(id);
    if (row === null) throw notFound('SMTP test', id);
    return row;
  }

  private async refuseDisabled(): Promise<void> {
    const { settings } = await this.settings.get();
    if (settings.enabled) return;
    throw new MailroomError('conflict', 'SMTP_DISABLED', 'The e-mail client is disabled (serverAddress is null). Save SMTP settings first, or send settings to test in the request.');
  }
}

function refuseInvalid({ sendTo, senderAddress }: SmtpTestRequest): void {
  const fault = checkMailbox(sendTo);
  if (fault !== null) throw invalid('EMAIL_ADDRESS_INVALID', '/sendTo', fault);
  const senderFault = senderAddress == null ? null : checkMailbox(senderAddress);
  if (senderFault !== null) throw invalid('SMTP_SENDER_INVALID', '/senderAddress', senderFault);
}

/** jsonb keeps no order; people read the name of a stage before its outcome. */
function inOrder({ address, host, port, status, durationMs, queueId, message, stages, tls, transcript }: SmtpTestAddress): SmtpTestAddress {
  const inStageOrder = ({ name, status: outcome, durationMs: took, reply, code, message: said, hint }: SmtpTestStage): SmtpTestStage =>
    ({ name, status: outcome, durationMs: took, reply, code, message: said, hint });
  return { address, host, port, status, durationMs, queueId, message, stages: stages.map(inStageOrder), tls, transcript };
}

const pause = (ms: number): Promise<void> => new Promise((wake) => setTimeout(wake, ms));

function toSmtpTest(row: SmtpTestRow): SmtpTest {
  const { id, status, sendTo, senderAddress, timeoutSeconds, code, message, hint, requestedBy } = row;
  return {
    id,
    status,
    sendTo,
    senderAddress,
    timeoutSeconds,
    settings: row.candidate === null ? 'saved' : 'candidate',
    code,
    message,
    hint,
    addresses: (row.addresses as unknown as SmtpTestAddress[]).map(inOrder),
    requestedBy,
    createdAt: row.createdAt.toISOString(),
    startedAt: row.startedAt?.toISOString() ?? null,
    finishedAt: row.finishedAt?.toISOString() ?? null,
  };
}
