import { isIPv4, isIPv6 } from 'node:net';
import { refusal, refusalOf } from '../certificates/refusal.js';
import { parseServerAddress } from '../dns/server-address.js';
import { type DistinguishedName, parseDistinguishedName, refuseInvalid } from '../pki/distinguished-name.js';
import { ipAddressBytes, ipAddressText } from '../pki/ip-address.js';
import type { CertificateRequestCreate, SubjectParts } from './certificate-requests.contract.js';

/** In the order of DER: the most general first. */
const PARTS: [keyof SubjectParts, string][] = [
  ['country', '2.5.4.6'], ['state', '2.5.4.8'], ['locality', '2.5.4.7'], ['organization', '2.5.4.10'], ['organizationalUnit', '2.5.4.11'], ['commonName', '2.5.4.3'],
];

/** @throws MailroomError DISTINGUISHED_NAME_INVALID, SUBJECT_INVALID */
export function subjectOf(subject: CertificateRequestCreate['subject']): DistinguishedName {
  if ('distinguishedName' in subject) return checked(() => parseDistinguishedName(subject.distinguishedName));
  return PARTS.flatMap(([part, type]) => {
    const value = subject[part];
    if (value === undefined) return [];
    try {
      refuseInvalid({ type, value });
    } catch (error) {
      throw refusal('SUBJECT_INVALID', (error as Error).message.replace(/^\S+/, part), `/subject/${part}`, error);
    }
    return [[{ type, value }]];
  });
}

/** As A-labels in lower case. @throws MailroomError DNS_NAME_INVALID */
export function dnsNamesOf(names: string[]): string[] {
  return distinct(names.map((name, index) => {
    const wildcard = name.startsWith('*.') ? '*.' : '';
    const parsed = parseServerAddress(name.slice(wildcard.length));
    if ('fault' in parsed || parsed.type !== 'name') throw refusal('DNS_NAME_INVALID', `"${name.slice(0, 100)}" is not a host name such as mailroom.example.com.`, `/dnsNames/${index}`);
    return `${wildcard}${parsed.host}`;
  }));
}

/** Without brackets, each address in one form. @throws MailroomError IP_ADDRESS_INVALID */
export function ipAddressesOf(addresses: string[]): string[] {
  return distinct(addresses.map((address, index) => {
    const bare = address.replace(/^\[(.*:.*)\]$/, '$1');
    if (isIPv4(bare) || (isIPv6(bare) && !bare.includes('%'))) return ipAddressText(new Uint8Array(ipAddressBytes(bare)));
    throw refusal('IP_ADDRESS_INVALID', `"${address.slice(0, 100)}" is neither an IPv4 address nor an IPv6 address.`, `/ipAddresses/${index}`);
  }));
}

const distinct = (texts: string[]): string[] => [...new Set(texts)];

function checked<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw refusalOf(error);
  }
}
