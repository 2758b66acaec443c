/** The steps of an SMTP dialogue in the order of RFC 5321; `startTls` is RFC 3207, `tls` the immediate TLS of RFC 8314. */
export type StageName = 'connect' | 'greeting' | 'ehlo' | 'startTls' | 'tls' | 'auth' | 'mailFrom' | 'rcptTo' | 'data' | 'quit';

export interface Stage {
  name: StageName;
  status: 'passed' | 'warned' | 'failed' | 'skipped';
  /** Whole milliseconds. */
  durationMs: number;
  /** The server's reply that decided the stage, on one line, or null when there was none. */
  reply: string | null;
  /** A stable code when the stage failed or was warned of. */
  code: string | null;
  message: string | null;
  hint: string | null;
}

const ORDER: Record<'none' | 'startTls' | 'smtps', StageName[]> = {
  none: ['connect', 'greeting', 'ehlo', 'auth', 'mailFrom', 'rcptTo', 'data', 'quit'],
  startTls: ['connect', 'greeting', 'ehlo', 'startTls', 'auth', 'mailFrom', 'rcptTo', 'data', 'quit'],
  smtps: ['connect', 'tls', 'greeting', 'ehlo', 'auth', 'mailFrom', 'rcptTo', 'data', 'quit'],
};

export const emptyStage = (name: StageName, status: Stage['status'] = 'passed'): Stage =>
  ({ name, status, durationMs: 0, reply: null, code: null, message: null, hint: null });

/** The whole dialogue in its order: the stages that ran, and those that were not reached as `skipped`. */
export function completeStages(ran: readonly Stage[], security: keyof typeof ORDER): Stage[] {
  return ORDER[security].map((name) => ran.findLast((stage) => stage.name === name) ?? emptyStage(name, 'skipped'));
}
