import * as asn1js from 'asn1js';
import { unreadable } from './pki-fault.js';

/** Bounds for what comes from outside: 200 certificates in one file have some 20,000 nodes. Content is never longer than the file. */
const LIMITS = { maxDepth: 60, maxNodes: 50_000 };

/** @throws PkiFault CERTIFICATE_UNREADABLE when it is no BER, or more follows */
export function parseBer(bytes: Uint8Array): asn1js.AsnType {
  const { offset, result } = read(bytes);
  if (offset < 0 || offset !== bytes.byteLength) throw damaged();
  return result;
}

/** asn1js throws for a time that is none, and runs out of stack with one that is very long. */
function read(bytes: Uint8Array): ReturnType<typeof asn1js.fromBER> {
  try {
    return asn1js.fromBER(bytes, LIMITS);
  } catch (cause) {
    throw damaged(cause);
  }
}

const damaged = (cause?: unknown): Error => unreadable('The file is damaged: its structure (ASN.1) cannot be read. Export it again.', cause);

/** The content of an OCTET STRING, also of one in parts. */
export const octetsOf = (value: unknown): Buffer => {
  if (!(value instanceof asn1js.OctetString)) throw unreadable('The file is damaged: it lacks a value that it must have. Export it again.');
  return Buffer.from(value.getValue());
};

/** NaN for a number that is no safe integer. */
export function numberOf(value: unknown): number {
  if (!(value instanceof asn1js.Integer)) return NaN;
  const number = Number(value.toBigInt());
  return Number.isSafeInteger(number) ? number : NaN;
}

/** Dotted decimals; empty for what is no object identifier. */
export const numberedOid = (value: unknown): string => (value instanceof asn1js.ObjectIdentifier ? value.getValue() : '');
