import type { Slice } from '../contract/page.js';
import { type Database, Prisma, type Tx } from '../db/client.js';
import type { SmtpTestModel } from '../db/generated/models.js';
import type { SmtpTestAddress, SmtpTestStatus } from './smtp-tests.contract.js';

export type SmtpTestRow = SmtpTestModel;

export interface NewSmtpTest {
  id: string;
  sendTo: string;
  senderAddress: string | null;
  timeoutSeconds: number;
  candidate: Prisma.InputJsonValue | null;
  secretCiphertext: string | null;
  requestedBy: string;
}

/** How a test ended. */
export interface TestEnd {
  status: SmtpTestStatus;
  addresses: SmtpTestAddress[];
  code: string | null;
  message: string | null;
  hint: string | null;
}

/** How long the gate holds without being renewed, by the database's clock. */
const GATE_SECONDS = 10;

export class SmtpTestsRepository {
  constructor(private readonly db: Database) {}

  create(tx: Tx, { candidate, ...test }: NewSmtpTest): Promise<SmtpTestRow> {
    return tx.smtpTest.create({ data: { ...test, candidate: candidate ?? Prisma.DbNull, nudgeAt: new Date() } });
  }

  find(id: string): Promise<SmtpTestRow | null> {
    return this.db.prisma.smtpTest.findUnique({ where: { id } });
  }

  list({ limit, after }: Slice): Promise<SmtpTestRow[]> {
    return this.db.prisma.smtpTest.findMany({ ...(after !== null && { where: { id: { lt: after } } }), orderBy: { id: 'desc' }, take: limit + 1 });
  }

  /**
   * Closes the gate for the oldest test that waits, unless another test holds it, or waiting mail still has its turn. Once closed no
   * e-mail starts; those that have started may still be under way.
   */
  async closeGate(): Promise<SmtpTestRow | null> {
    const [gate] = await this.db.prisma.$queryRaw<{ holder: string }[]>`
      UPDATE delivery_gate SET holder = next.id, expires_at = now() + make_interval(secs => ${GATE_SECONDS})
      FROM (SELECT id FROM smtp_tests WHERE status = 'queued' ORDER BY id LIMIT 1) next
      WHERE delivery_gate.id = 1 AND (holder IS NULL OR expires_at < now())
        AND (opens_until IS NULL OR opens_until <= now()
             OR NOT EXISTS (SELECT 1 FROM emails WHERE status IN ('queued', 'sending', 'deferred', 'unconfirmed') AND (next_attempt_at <= now() OR status = 'sending')))
      RETURNING holder`;
    return gate === undefined ? null : this.find(gate.holder);
  }

  /** False when the gate was lost: the test must stop. */
  async holdGate(testId: string): Promise<boolean> {
    const held = await this.db.prisma.$executeRaw`
      UPDATE delivery_gate SET expires_at = now() + make_interval(secs => ${GATE_SECONDS}) WHERE holder = ${testId}::uuid AND expires_at > now()`;
    return held === 1;
  }

  /** Whether a living worker is sending an e-mail. */
  async isSending(): Promise<boolean> {
    const [row] = await this.db.prisma.$queryRaw<{ sending: boolean }[]>`
      SELECT EXISTS (SELECT 1 FROM emails e JOIN delivery_leases l ON l.id = e.lease_id AND l.expires_at > now() WHERE e.status = 'sending') AS sending`;
    return row!.sending;
  }

  async start(id: string, worker: string): Promise<void> {
    await this.db.prisma.smtpTest.updateMany({ where: { id, status: 'queued' }, data: { status: 'running', startedAt: new Date(), worker, revision: { increment: 1 } } });
  }

  async progress(id: string, addresses: SmtpTestAddress[]): Promise<void> {
    const shown = addresses as unknown as Prisma.InputJsonValue;
    await this.db.prisma.smtpTest.updateMany({ where: { id, status: 'running' }, data: { addresses: shown, revision: { increment: 1 } } });
  }

  /** Ends the test and opens the gate; waiting mail gets at least as long as the test took before the next test may start. */
  async end(id: string, { status, addresses, code, message, hint }: TestEnd): Promise<void> {
    await this.db.prisma.$transaction([
      this.db.prisma.smtpTest.updateMany({
        where: { id, status: { in: ['queued', 'running'] } },
        data: { status, addresses: addresses as unknown as Prisma.InputJsonValue, code, message, hint, finishedAt: new Date(), nudgeAt: null, revision: { increment: 1 } },
      }),
      this.openGate(id),
    ]);
  }

  /** Tests whose process died: the gate is not theirs any more. */
  async failAbandoned(code: string, message: string): Promise<number> {
    return this.db.prisma.$executeRaw`
      UPDATE smtp_tests t SET status = 'failed', code = ${code}, message = ${message}, hint = 'Start the test again.', finished_at = now(), nudge_at = NULL, revision = revision + 1
      WHERE t.status = 'running' AND NOT EXISTS (SELECT 1 FROM delivery_gate g WHERE g.holder = t.id AND g.expires_at > now())`;
  }

  async oldestQueued(): Promise<string | null> {
    const row = await this.db.prisma.smtpTest.findFirst({ where: { status: 'queued' }, orderBy: { id: 'asc' }, select: { id: true } });
    return row?.id ?? null;
  }

  deleteOld(): Promise<number> {
    return this.db.prisma.$executeRaw`DELETE FROM smtp_tests WHERE created_at < now() - interval '2 days' AND status NOT IN ('queued', 'running')`;
  }

  private openGate(testId: string): Prisma.PrismaPromise<number> {
    return this.db.prisma.$executeRaw`
      UPDATE delivery_gate SET holder = NULL, expires_at = NULL,
        opens_until = now() + (SELECT coalesce(finished_at, now()) - coalesce(started_at, finished_at, now()) FROM smtp_tests WHERE id = ${testId}::uuid)
      WHERE holder = ${testId}::uuid`;
  }
}
