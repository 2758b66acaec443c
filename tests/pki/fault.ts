import { PkiFault } from '../../src/pki/pki-fault.js';

/** The fault that something throws. Anything else that it throws goes on, so that a test shows it. */
export function faultOf(work: () => unknown): PkiFault {
  try {
    work();
  } catch (error) {
    if (error instanceof PkiFault) return error;
    throw error;
  }
  throw new Error('Nothing was thrown');
}
