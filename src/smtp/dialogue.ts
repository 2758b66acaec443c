import { performance } from 'node:perf_hooks';
import { diagnose, refusal } from './diagnose.js';
import type { RelayEndpoint } from './endpoint.js';
import { SmtpFailure } from './failure.js';
import type { Reply } from './replies.js';
import { emptyStage, type Stage, type StageName } from './stage.js';
import type { TlsFacts } from './tls-facts.js';
import type { Wire } from './wire.js';

/** 2yz: done. 3yz: go on (RFC 5321 §4.2.1). */
export const completed = (reply: Reply): boolean => reply.code < 300;
export const goOn = (reply: Reply): boolean => reply.code >= 300 && reply.code < 400;

/** What one connection knows of itself; the stages of its opening, and then of each mail, run on it. */
export class Dialogue {
  tls: TlsFacts | null = null;
  greetingHost = '';
  extensions: ReadonlyMap<string, string> = new Map();
  /** The final dot of the present mail may have left, and no reply has come. */
  messageHandedOver = false;
  /** A part of the message has left, and not its end: the server would take any command for more of it. */
  midMessage = false;

  constructor(readonly endpoint: RelayEndpoint, readonly wire: Wire, readonly onStage: ((stage: Stage) => void) | null) {}

  /**
   * Runs one stage, adds it with its duration to `stages` and reports it. What it throws becomes an SmtpFailure with all stages so far.
   * A failure may name an earlier stage (an alert of TLS 1.3 arrives late): then that one is the failed one, and this one was not reached.
   */
  async run<T>(stages: Stage[], name: StageName, step: (stage: Stage) => Promise<T>): Promise<T> {
    const stage = emptyStage(name);
    const startedAt = performance.now();
    try {
      const result = await step(stage);
      this.#report(stages, stage, startedAt);
      return result;
    } catch (error) {
      const failure = this.explain(error, name);
      if (failure instanceof SmtpFailure) this.#fail(stages, stage, failure, startedAt);
      throw failure;
    }
  }

  /** The SmtpFailure that an error in this stage means; an error of another kind comes back as it is. */
  explain(error: unknown, stage: StageName): unknown {
    const { endpoint, wire, messageHandedOver } = this;
    return diagnose(error, { endpoint, stage, secured: this.tls !== null, messageHandedOver, unsolicited: wire.unsolicited });
  }

  skip(stages: Stage[], name: StageName, message: string | null = null): void {
    const stage = { ...emptyStage(name, 'skipped'), message };
    stages.push(stage);
    this.onStage?.(stage);
  }

  /** The reply to what was last asked; one that is not `wanted` is thrown as the failure it means. */
  async expect(stage: Stage, ms: number, wanted: (reply: Reply) => boolean): Promise<Reply> {
    return this.check(stage, await this.wire.reply(ms), wanted);
  }

  check(stage: Stage, reply: Reply, wanted: (reply: Reply) => boolean): Reply {
    stage.reply = reply.text;
    if (!wanted(reply)) throw refusal(stage.name, reply, this.endpoint);
    return reply;
  }

  /** A stage that runs twice (EHLO, anew after STARTTLS) stays one: the later result, and the time of both. */
  #report(stages: Stage[], stage: Stage, startedAt: number): void {
    stage.durationMs = Math.round(performance.now() - startedAt);
    const earlier = stages.find(({ name }) => name === stage.name);
    if (earlier) Object.assign(earlier, stage, { durationMs: earlier.durationMs + stage.durationMs });
    else stages.push(stage);
    this.onStage?.(earlier ?? stage);
  }

  #fail(stages: Stage[], current: Stage, failure: SmtpFailure, startedAt: number): void {
    const { code, message, hint, reply } = failure;
    const other = failure.stage === current.name ? undefined : stages.find(({ name }) => name === failure.stage);
    const failed = other ?? current;
    Object.assign(failed, { status: 'failed', code, message, hint, reply: reply ?? failed.reply });
    if (other) this.onStage?.(other);
    else this.#report(stages, current, startedAt);
    failure.stages = [...stages];
    failure.tls = this.tls;
  }
}
