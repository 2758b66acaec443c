export * from './generated/index.js';
export { createMailroom, type Mailroom, type MailroomOptions } from './mailroom.js';
export type { FileFormat, Input, Items, Operations, Result, Results } from './operations.js';
export { MailroomProblem } from './problem.js';
export type { RetryOptions } from './retrying-fetch.js';
export type { SmtpTestEvent } from './smtp-test-events.js';
