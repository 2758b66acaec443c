import { createPrivateKey, type KeyObject } from 'node:crypto';
import * as asn1js from 'asn1js';
import * as pkijs from 'pkijs';
import { numberOf, octetsOf, parseBer } from './asn1.js';
import { type Mac, macOf, type Passphrase, type PasswordBasedCipher, passwordBasedCipher, readingsOf, WorkBudget } from './pbe.js';
import { PkiFault, unreadable } from './pki-fault.js';

export interface KeyMaterial {
  /** DER. */
  certificates: Buffer[];
  privateKeys: KeyObject[];
}

const OID = {
  data: '1.2.840.113549.1.7.1',
  encryptedData: '1.2.840.113549.1.7.6',
  x509Certificate: '1.2.840.113549.1.9.22.1',
};
const PFX_VERSION = 3;
const SEQUENCE_TAG = 0x30;
const MAX_NESTING = 3;

/** One part of the file: bags, perhaps encrypted. */
interface Part {
  content: Buffer;
  cipher: PasswordBasedCipher | null;
}

/**
 * Reads a PKCS#12 file (RFC 7292) that a passphrase protects: encrypted by PBES2 or by the schemes of old, sealed by a MAC or not at all.
 * How much work a part asks for is looked at before it is done, and for all parts that are in sight before any is.
 * @param passphrase null: none was given, which is tried as an empty one
 * @throws PkiFault
 */
export function readPkcs12(der: Buffer, passphrase: string | null): KeyMaterial {
  const { content, mac } = opened(der);
  const parts = partsOf(content);
  const budget = new WorkBudget();
  budget.take(mac?.rounds ?? 0);
  parts.forEach(({ cipher }) => budget.take(cipher?.rounds ?? 0));
  const readings = readingsOf(passphrase ?? '').filter((reading) => mac === null || mac.matches(content, reading));
  for (const reading of readings) {
    const material = attempt(parts, reading, budget);
    if (material !== null) return material;
  }
  throw refused(passphrase);
}

/** PFX begins with its version, which is 3. */
export const isPkcs12 = (root: asn1js.AsnType): boolean => root instanceof asn1js.Sequence && numberOf(root.valueBlock.value[0]) === PFX_VERSION;

function opened(der: Buffer): { content: Buffer; mac: Mac | null } {
  const pfx = new pkijs.PFX({ schema: parseBer(der) });
  if (pfx.authSafe.contentType !== OID.data) {
    throw new PkiFault('CERTIFICATE_ENCRYPTION_UNSUPPORTED', 'The PKCS#12 file is protected by a public key. Export it with a passphrase.');
  }
  return { content: octetsOf(pfx.authSafe.content), mac: pfx.macData ? macOf(pfx.macData) : null };
}

function partsOf(content: Buffer): Part[] {
  const { safeContents } = new pkijs.AuthenticatedSafe({ schema: parseBer(content) });
  return safeContents.map((part) => {
    if (part.contentType === OID.data) return { content: octetsOf(part.content), cipher: null };
    if (part.contentType !== OID.encryptedData) {
      throw new PkiFault('CERTIFICATE_ENCRYPTION_UNSUPPORTED', 'A part of the PKCS#12 file is protected by a public key. Export it with a passphrase.');
    }
    const { encryptedContentInfo } = new pkijs.EncryptedData({ schema: part.content as asn1js.AsnType });
    return { content: Buffer.from(encryptedContentInfo.getEncryptedContent()), cipher: passwordBasedCipher(encryptedContentInfo.contentEncryptionAlgorithm) };
  });
}

/** null when this is not the passphrase. */
function attempt(parts: Part[], passphrase: Passphrase, budget: WorkBudget): KeyMaterial | null {
  const material: KeyMaterial = { certificates: [], privateKeys: [] };
  for (const { content, cipher } of parts) {
    const plain = cipher === null ? content : decrypted(cipher, content, passphrase);
    if (plain === null || !collect(bagsOf(plain), passphrase, budget, material, 1)) return null;
  }
  return material;
}

function decrypted(cipher: PasswordBasedCipher, data: Buffer, passphrase: Passphrase): Buffer | null {
  try {
    const plain = cipher.decrypt(data, passphrase);
    return plain[0] === SEQUENCE_TAG ? plain : null; // by chance the padding fits, once in 256 times
  } catch {
    return null; // the padding does not fit
  }
}

function bagsOf(safeContents: Buffer): pkijs.SafeBag[] {
  const root = parseBer(safeContents);
  if (root instanceof asn1js.Sequence && root.valueBlock.value.length === 0) return []; // pkijs does not take an empty one
  return new pkijs.SafeContents({ schema: root }).safeBags;
}

/** False when the passphrase opens the file but not a key in it. */
function collect(safeBags: pkijs.SafeBag[], passphrase: Passphrase, budget: WorkBudget, material: KeyMaterial, depth: number): boolean {
  if (depth > MAX_NESTING) throw unreadable('The PKCS#12 file is nested too deep. Export it again.');
  return safeBags.every(({ bagValue }) => {
    if (bagValue instanceof pkijs.CertBag) {
      if (bagValue.certId === OID.x509Certificate) material.certificates.push(octetsOf(bagValue.certValue));
      return true;
    }
    if (bagValue instanceof pkijs.PrivateKeyInfo) return keep(Buffer.from(bagValue.toSchema().toBER(false)), material);
    if (bagValue instanceof pkijs.SafeContents) return collect(bagValue.safeBags, passphrase, budget, material, depth + 1);
    if (!(bagValue instanceof pkijs.PKCS8ShroudedKeyBag)) return true; // CRLs and secrets are none of ours
    const cipher = passwordBasedCipher(bagValue.encryptionAlgorithm);
    budget.take(cipher.rounds);
    const key = decrypted(cipher, octetsOf(bagValue.encryptedData), passphrase);
    return key !== null && keep(key, material);
  });
}

function keep(pkcs8: Buffer, { privateKeys }: KeyMaterial): true {
  privateKeys.push(createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' }));
  return true;
}

const refused = (passphrase: string | null): PkiFault =>
  !passphrase
    ? new PkiFault('CERTIFICATE_PASSPHRASE_REQUIRED', 'A passphrase is needed: the file is protected by one.', 'passphrase')
    : new PkiFault('CERTIFICATE_PASSPHRASE_WRONG', 'The passphrase is wrong: it does not open this file.', 'passphrase');
