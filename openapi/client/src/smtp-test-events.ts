import type { SmtpTest } from './generated/types.gen.js';

type Address = SmtpTest['addresses'][number];

/** What `streamSmtpTest` tells, in this order; `test` is the last. */
export type SmtpTestEvent =
  | { event: 'status'; data: Pick<SmtpTest, 'status'> }
  /** A stage of an address has ended. */
  | { event: 'stage'; data: Pick<Address, 'address' | 'host'> & { stage: Address['stages'][number] } }
  /** An address is done. */
  | { event: 'address'; data: Pick<Address, 'address' | 'host' | 'status' | 'message'> }
  | { event: 'test'; data: SmtpTest };
