import { isAscii } from 'node:buffer';
import { performance } from 'node:perf_hooks';
import { completed, goOn, type Dialogue } from './dialogue.js';
import { encodeData } from './dot-stuffing.js';
import type { Envelope } from './envelope.js';
import { parseQueueId } from './queue-id.js';
import type { Reply } from './replies.js';
import type { Stage } from './stage.js';

/** The server took the mail and is responsible for it now (RFC 5321 §6.1). */
export interface Accepted {
  /** On one line. */
  reply: string;
  enhancedCode: string | null;
  /** Under which the server's log knows the mail, when its reply says so. */
  queueId: string | null;
  durationMs: number;
  stages: readonly Stage[];
}

/** Larger messages go without their end first, so that a connection that breaks half way leaves no doubt about the mail. */
const ONE_WRITE_LIMIT = 64 * 1024;
const END_LENGTH = '\r\n.\r\n'.length;

/**
 * One mail transaction (RFC 5321 §3.3): MAIL, RCPT and DATA, in one write when the server has PIPELINING (RFC 2920), then the message.
 * Throws SmtpFailure; `resetAfter` then makes the session ready for the next mail, or tells that it cannot be.
 */
export async function transact(dialogue: Dialogue, envelope: Envelope, message: Buffer, onHandover?: () => void): Promise<Accepted> {
  const startedAt = performance.now();
  const stages: Stage[] = [];
  const { wire, endpoint: { timeouts } } = dialogue;
  const pipelining = dialogue.extensions.has('PIPELINING');
  const say = (line: string): void => { if (!pipelining) wire.command(line); };

  await dialogue.run(stages, 'mailFrom', async (stage) => {
    wire.commands(pipelining ? [envelope.mail, envelope.rcpt, 'DATA'] : [envelope.mail]);
    return dialogue.expect(stage, timeouts.commandMs, completed);
  });
  await dialogue.run(stages, 'rcptTo', async (stage) => {
    say(envelope.rcpt);
    return dialogue.expect(stage, timeouts.commandMs, completed);
  });
  const reply = await dialogue.run(stages, 'data', async (stage) => {
    say('DATA');
    await dialogue.expect(stage, timeouts.commandMs, goOn);
    await handOver(dialogue, encodeData(message), onHandover);
    return finalReply(dialogue, stage);
  });
  return accepted(reply, stages, startedAt);
}

async function handOver(dialogue: Dialogue, bytes: Buffer, onHandover?: () => void): Promise<void> {
  const { wire, endpoint } = dialogue;
  wire.assertQuiet();
  const end = bytes.length > ONE_WRITE_LIMIT ? bytes.length - END_LENGTH : 0;
  dialogue.midMessage = true; // whatever goes wrong before the end: no lone dot may follow, for it would make a mail of what is there
  if (end > 0 && await wire.flush(bytes.subarray(0, end), endpoint.timeouts.dataMs)) return; // refused half way
  onHandover?.();
  dialogue.midMessage = false;
  dialogue.messageHandedOver = true;
  wire.data(bytes.subarray(end), end === 0);
}

/** Any reply ends the doubt. One that came half way is a refusal, or makes no sense. */
async function finalReply(dialogue: Dialogue, stage: Stage): Promise<Reply> {
  const reply = await dialogue.wire.reply(dialogue.endpoint.timeouts.dataMs);
  dialogue.messageHandedOver = false;
  return dialogue.check(stage, reply, (candidate) => completed(candidate) && !dialogue.midMessage);
}

function accepted(reply: Reply, stages: readonly Stage[], startedAt: number): Accepted {
  return {
    reply: reply.text,
    enhancedCode: reply.enhancedCode,
    queueId: parseQueueId(reply.lines.join(' ')),
    durationMs: Math.round(performance.now() - startedAt),
    stages,
  };
}

/** Replies that follow a refusal come at once or not at all. */
const DRAIN_MS = 10_000;

/**
 * Reads what pipelined commands still bring, ends a DATA that the server allowed although nobody is to receive the message (RFC 2920
 * §3.1: a lone dot), and sends RSET. False when the session is of no use any more.
 */
export async function resetAfter({ wire, endpoint, midMessage }: Dialogue): Promise<boolean> {
  if (midMessage) return false;
  const waitMs = Math.min(endpoint.timeouts.commandMs, DRAIN_MS);
  try {
    while (wire.pending > 0) {
      if (goOn(await wire.reply(waitMs))) wire.command('.');
    }
    if (wire.broken) return false;
    wire.command('RSET');
    return completed(await wire.reply(waitMs));
  } catch {
    return false; // the failure before this one is the one that counts
  }
}

/** Whether the message can only go to a server with 8BITMIME, and whether its headers need SMTPUTF8 (RFC 6532). Ours have no 8-bit bodies. */
export function eightBitNeeds(message: Buffer): { eightBit: boolean; utf8Headers: boolean } {
  if (isAscii(message)) return { eightBit: false, utf8Headers: false };
  const endOfHeaders = message.indexOf('\r\n\r\n');
  return { eightBit: true, utf8Headers: !isAscii(endOfHeaders < 0 ? message : message.subarray(0, endOfHeaders)) };
}
