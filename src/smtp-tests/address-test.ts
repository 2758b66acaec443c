import { performance } from 'node:perf_hooks';
import type { ResolvedAddress } from '../dns/resolve.js';
import type { RelayEndpoint, Security } from '../smtp/endpoint.js';
import { SmtpFailure } from '../smtp/failure.js';
import { openSession } from '../smtp/session.js';
import { completeStages, type Stage } from '../smtp/stage.js';
import { Transcript } from '../smtp/transcript.js';
import { takenMessage } from './outcome.js';
import type { SmtpTestAddress } from './smtp-tests.contract.js';

export interface AddressTestParts {
  resolved: ResolvedAddress;
  /** Resolves the credentials too, which may ask a token server: that is part of this address's time. */
  endpoint: (address: ResolvedAddress, signal: AbortSignal) => Promise<RelayEndpoint>;
  /** A mail of its own for this address. */
  message: (address: ResolvedAddress) => Buffer;
  from: string;
  sendTo: string;
  port: number;
  security: Security;
  timeoutMs: number;
  signal: AbortSignal;
  /** Told at the end of each stage, and at the end. */
  changed: () => void;
}

/** The test of one address: one whole dialogue within one time-out, stage by stage. Never throws: what went wrong stands in the result. */
export class AddressTest {
  readonly result: SmtpTestAddress;
  private readonly stages: Stage[] = [];
  private readonly transcript = new Transcript();

  constructor(private readonly parts: AddressTestParts) {
    const { address, host } = parts.resolved;
    this.result = { address, host, port: parts.port, status: 'pending', durationMs: null, queueId: null, message: null, stages: [], tls: null, transcript: null };
  }

  async run(): Promise<void> {
    const startedAt = performance.now();
    this.result.status = 'running';
    this.parts.changed();
    try {
      await this.converse();
    } catch (error) {
      this.fail(error);
    }
    this.result.stages = this.complete();
    this.result.durationMs = Math.round(performance.now() - startedAt);
    this.result.transcript = this.transcript.toString();
    this.parts.changed();
  }

  private async converse(): Promise<void> {
    const { resolved, timeoutMs, from, sendTo } = this.parts;
    const signal = AbortSignal.any([this.parts.signal, AbortSignal.timeout(timeoutMs)]);
    const endpoint = await this.parts.endpoint(resolved, signal);
    const message = this.parts.message(resolved);
    const session = await openSession(endpoint, { signal, transcript: this.transcript, onStage: (stage) => this.noted(stage) });
    this.result.tls = session.tls;
    try {
      const { queueId } = await session.send({ from, to: sendTo, message });
      Object.assign(this.result, { status: 'passed', queueId, message: takenMessage(queueId, sendTo) });
      await session.quit();
    } finally {
      session.destroy();
    }
  }

  private noted(stage: Stage): void {
    this.stages.push(stage);
    this.result.stages = this.complete().filter(({ name }) => this.stages.some((ran) => ran.name === name));
    this.parts.changed();
  }

  private complete(): Stage[] {
    return completeStages(this.stages, this.parts.security);
  }

  /** What failed before the dialogue (the token server, a denied address) is shown as the stage it belongs to. */
  private fail(error: unknown): void {
    if (!(error instanceof SmtpFailure)) throw error;
    const { stage: name, code, message, hint, reply } = error;
    if (!this.stages.some(({ status }) => status === 'failed')) this.stages.push({ name, status: 'failed', durationMs: 0, reply, code, message, hint });
    this.result.status = error.timedOut ? 'timedOut' : 'failed';
    this.result.message = `${message} ${hint}`.trim();
    this.result.tls = error.tls ?? this.result.tls;
  }
}
