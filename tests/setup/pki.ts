import { type CertificateOptions, createAuthority } from '../factories/issue-certificate.js';

export { ended as expired, notBegun as notYetValid } from '../factories/issue-certificate.js';

/** What a server or a client of TLS presents, in PEM. */
export interface Identity {
  key: string;
  /** The certificate alone. */
  cert: string;
  /** The certificate followed by the intermediate one. */
  chain: string;
}

export interface IdentityOptions extends Pick<CertificateOptions, 'commonName' | 'dnsNames' | 'ipAddresses' | 'notBefore' | 'notAfter' | 'selfSigned'> {
  usage?: 'server' | 'client';
}

export interface TestPki {
  /** PEM. */
  root: string;
  intermediate: string;
  issue(options?: IdentityOptions): Promise<Identity>;
}

/** A root CA, an intermediate CA below it, and as many identities as a test needs, with fresh P-256 keys. A few milliseconds each. */
export async function createPki(name = 'Mailroom Test'): Promise<TestPki> {
  const { root, intermediate, issue } = await createAuthority(name);
  return {
    root,
    intermediate,
    issue: async ({ usage = 'server', ...options } = {}) => {
      const { key, certificate, chain } = await issue({ commonName: options.dnsNames?.[0] ?? 'Test', ...options, purposes: [`${usage}Auth`] });
      return { key, cert: certificate, chain };
    },
  };
}
