import { webcrypto } from 'node:crypto';
import * as asn1js from 'asn1js';
import * as pkijs from 'pkijs';
import { type DistinguishedName, encodeDistinguishedName } from './distinguished-name.js';
import { ipAddressBytes } from './ip-address.js';
import { generateKeyPair, type KeyType } from './key-pair.js';
import { toPem } from './pem.js';
import { publicKeyDigest } from './public-key.js';

export interface NewRequest {
  subject: DistinguishedName;
  /** A-labels. */
  dnsNames: readonly string[];
  /** IPv4 and IPv6, without brackets. */
  ipAddresses: readonly string[];
  keyType: KeyType;
}

export interface CertificateRequest {
  pem: string;
  /** PKCS#8 in PEM. */
  privateKey: string;
  /** SHA-256 of the SubjectPublicKeyInfo: what a certificate is matched by. */
  publicKeyDigest: Buffer;
}

const OID = {
  extensionRequest: '1.2.840.113549.1.9.14', // RFC 2985 §5.4.2
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  extendedKeyUsage: '2.5.29.37',
  clientAuth: '1.3.6.1.5.5.7.3.2',
};
const DIGITAL_SIGNATURE = 0x80; // RFC 5280 §4.2.1.3: what a TLS client does with its key
const [DNS_NAME, IP_ADDRESS] = [2, 7] as const; // RFC 5280 §4.2.1.6

/** Makes a key pair and a request (PKCS#10, RFC 2986) for a certificate of a TLS client. */
export async function createCertificateRequest({ subject, dnsNames, ipAddresses, keyType }: NewRequest): Promise<CertificateRequest> {
  const keys = await generateKeyPair(keyType);
  const request = new pkijs.CertificationRequest({ version: 0, subject: pkijs.RelativeDistinguishedNames.fromBER(encodeDistinguishedName(subject)) });
  await request.subjectPublicKeyInfo.importKey(keys.publicKey);
  request.attributes = [new pkijs.Attribute({ type: OID.extensionRequest, values: [extensionsFor(dnsNames, ipAddresses).toSchema()] })];
  await request.sign(keys.privateKey, keys.hash);
  const [privateKey, publicKey] = await Promise.all([webcrypto.subtle.exportKey('pkcs8', keys.privateKey), webcrypto.subtle.exportKey('spki', keys.publicKey)]);
  return {
    pem: toPem('CERTIFICATE REQUEST', new Uint8Array(request.toSchema(true).toBER())),
    privateKey: toPem('PRIVATE KEY', new Uint8Array(privateKey)),
    publicKeyDigest: publicKeyDigest(Buffer.from(publicKey)),
  };
}

function extensionsFor(dnsNames: readonly string[], ipAddresses: readonly string[]): pkijs.Extensions {
  const names = [
    ...dnsNames.map((value) => new pkijs.GeneralName({ type: DNS_NAME, value })),
    ...ipAddresses.map((address) => new pkijs.GeneralName({ type: IP_ADDRESS, value: new asn1js.OctetString({ valueHex: ipAddressBytes(address) }) })),
  ];
  const extension = (extnID: string, value: asn1js.BaseBlock, critical = false): pkijs.Extension => new pkijs.Extension({ extnID, critical, extnValue: value.toBER() });
  return new pkijs.Extensions({
    extensions: [
      extension(OID.keyUsage, new asn1js.BitString({ valueHex: Uint8Array.of(DIGITAL_SIGNATURE).buffer, unusedBits: 7 }), true),
      extension(OID.extendedKeyUsage, new pkijs.ExtKeyUsage({ keyPurposes: [OID.clientAuth] }).toSchema()),
      ...(names.length > 0 ? [extension(OID.subjectAltName, new pkijs.GeneralNames({ names }).toSchema())] : []),
    ],
  });
}
