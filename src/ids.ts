import { randomFillSync } from 'node:crypto';
import { v7 } from 'uuid';

/** Bytes that are asked of the system at once: it takes as long for sixteen. */
const POOL = 4_096;
const pool = new Uint8Array(POOL);
let used = POOL;
/** Of the id that was made last, so that ids of a millisecond count up (RFC 9562 section 6.2, method 1). */
const last = { msecs: 0, seq: 0 };

/** A UUIDv7: unique everywhere, and above each that this process made before. */
export function newId(): string {
  const random = randomBytes();
  const now = Date.now();
  if (now > last.msecs) [last.msecs, last.seq] = [now, ((random[6]! & 0x7f) << 24) | (random[7]! << 16) | (random[8]! << 8) | random[9]!];
  else if ((last.seq = (last.seq + 1) | 0) === 0) last.msecs += 1;
  return v7({ random, ...last });
}

function randomBytes(): Uint8Array {
  if (used === POOL) {
    randomFillSync(pool);
    used = 0;
  }
  return pool.subarray(used, used += 16);
}
