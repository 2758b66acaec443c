import { X509Certificate, webcrypto } from 'node:crypto';
import * as asn1js from 'asn1js';
import * as pkijs from 'pkijs';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256' };
const OID = { commonName: '2.5.4.3', subjectAltName: '2.5.29.17' };
const HOUR_MS = 3_600_000;

/** A fresh key and a certificate signed by it, valid for this host name from an hour ago to a day ahead; both in PEM. */
export async function selfSignedFor(host) {
  const { privateKey, publicKey } = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const certificate = new pkijs.Certificate({ version: 2, serialNumber: new asn1js.Integer({ value: Date.now() }) });
  for (const name of [certificate.subject, certificate.issuer]) {
    name.typesAndValues.push(new pkijs.AttributeTypeAndValue({ type: OID.commonName, value: new asn1js.Utf8String({ value: host }) }));
  }
  certificate.notBefore.value = new Date(Date.now() - HOUR_MS);
  certificate.notAfter.value = new Date(Date.now() + 24 * HOUR_MS);
  certificate.extensions = [alternativeName(host)];
  await certificate.subjectPublicKeyInfo.importKey(publicKey);
  await certificate.sign(privateKey, 'SHA-256');
  return { key: await keyPem(privateKey), cert: new X509Certificate(Buffer.from(certificate.toSchema(true).toBER(false))).toString() };
}

/** RFC 9525: a host name is looked for here, and not in the common name. */
function alternativeName(host) {
  const names = new pkijs.GeneralNames({ names: [new pkijs.GeneralName({ type: 2, value: host })] });
  return new pkijs.Extension({ extnID: OID.subjectAltName, extnValue: names.toSchema().toBER(false) });
}

async function keyPem(key) {
  const base64 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key)).toString('base64');
  return `-----BEGIN PRIVATE KEY-----\n${base64.match(/.{1,64}/g).join('\n')}\n-----END PRIVATE KEY-----\n`;
}
