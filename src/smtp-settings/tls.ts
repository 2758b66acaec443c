import { SecretError } from '../secrets/key-ring.js';
import type { TlsMaterial } from '../smtp/endpoint.js';
import { SmtpFailure } from '../smtp/failure.js';
import type { TlsMaterialService } from '../tls-material/tls-material.service.js';
import type { StoredSettings } from './draft.js';

const NO_TLS: TlsMaterial = { trustedCertificates: [], clientCertificate: null };

/** The part of a relay that TLS is spoken with. @param version of the material, as it was when the settings were read */
export async function tlsOf({ useClientCertificate, security, serverAddress }: StoredSettings, material: TlsMaterialService, version: number): Promise<TlsMaterial> {
  if (security === 'none') return NO_TLS;
  const stage = security === 'smtps' ? 'tls' : 'startTls';
  const failure = (code: string, message: string, cause?: unknown): SmtpFailure =>
    new SmtpFailure({ code, stage, address: serverAddress!, message, hint: 'Install a client certificate (POST /v1/client-certificates), or turn useClientCertificate off.', cause });
  try {
    const current = await material.current(version, useClientCertificate);
    if (current !== null) return current;
  } catch (error) {
    if (error instanceof SecretError) throw failure(error.code, `The private key of the client certificate cannot be read: ${error.message}`, error);
    throw error;
  }
  throw failure('CLIENT_CERTIFICATE_MISSING', 'The settings present a client certificate, and there is none.');
}
