import { OAuth2Failure } from './oauth2-failure.js';

/** OpenSSL's and Node's names for a certificate that is not to be trusted. */
const CERTIFICATE = /^(CERT_|ERR_TLS_CERT_|DEPTH_ZERO_|SELF_SIGNED_CERT|UNABLE_TO_(GET_ISSUER|VERIFY_LEAF|DECODE_ISSUER)|INVALID_(CA|PURPOSE)|HOSTNAME_MISMATCH|PATH_LENGTH_EXCEEDED)/;
const TLS = /^(ERR_SSL_|EPROTO$)/;
const NOT_FOUND = new Set(['ENOTFOUND', 'ENODATA', 'EAI_AGAIN', 'EAI_NONAME', 'EAI_NODATA']);

/** The failure behind an exchange that broke off. What is an OAuth2Failure already comes back as it is. */
export function networkFailure(error: unknown, server: string): OAuth2Failure {
  if (error instanceof OAuth2Failure) return error;
  const { code = '', message, errors } = error as NodeJS.ErrnoException & { errors?: NodeJS.ErrnoException[] };
  const failure = (failureCode: OAuth2Failure['code'], text: string, hint: string): OAuth2Failure => new OAuth2Failure(failureCode, `${server} ${text}.`, hint, { cause: error });
  if (CERTIFICATE.test(code)) {
    return failure('OAUTH2_CERTIFICATE_INVALID', `has a certificate that is not trusted (${code}: ${message})`,
      'Check the certificate and its name. Name the file with the certificate of a private CA in NODE_EXTRA_CA_CERTS.');
  }
  if (NOT_FOUND.has(code)) return failure('OAUTH2_SERVER_UNREACHABLE', `has no address (${code})`, 'Check the spelling of tokenUrl, and the DNS of this machine.');
  if (TLS.test(code)) return failure('OAUTH2_SERVER_UNREACHABLE', `could not agree on TLS (${code})`, 'Check that tokenUrl has the right port, and that the server offers TLS 1.2 or 1.3.');
  if (code.startsWith('HPE_')) return failure('OAUTH2_RESPONSE_INVALID', `sent what is no HTTP (${code})`, 'Check the port in tokenUrl, and whether it needs https.');
  // Of a name with several addresses Node tells each one's error.
  const reason = errors?.[0]?.code ?? (code || message);
  return failure('OAUTH2_SERVER_UNREACHABLE', `cannot be reached (${reason})`, 'Check tokenUrl, and that this machine may connect to it. It is tried again later.');
}

export const timedOut = (server: string, timeoutMs: number, cause: unknown): OAuth2Failure =>
  new OAuth2Failure('OAUTH2_TIMEOUT', `${server} did not answer within ${timeoutMs / 1_000} seconds.`, 'Check that this machine can reach it, and its load. It is tried again later.', { cause });
