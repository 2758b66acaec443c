import { connectionFault, type Circumstances, type Fault } from './connection-faults.js';
import { describeRelay, type RelayEndpoint } from './endpoint.js';
import { SmtpFailure } from './failure.js';
import type { Reply } from './replies.js';
import { replyFault } from './reply-faults.js';
import type { StageName } from './stage.js';
import { HandshakeError, TlsMaterialError } from './tls.js';
import { handshakeBrokenOff, tlsFault } from './tls-faults.js';
import { WireError } from './wire.js';

/** The SmtpFailure behind whatever ended a stage. Mistakes of our own program are no failures of the dialogue and come back as they are. */
export function diagnose(error: unknown, at: Circumstances): unknown {
  if (error instanceof TlsMaterialError) return failure(materialFault(error), at, error);
  if (!(error instanceof WireError)) return error;
  const ofTls = error.fault === 'lost' && !at.messageHandedOver ? faultOfTls(error, at) : null;
  if (ofTls) return failure(ofTls, { ...at, stage: at.endpoint.security === 'smtps' ? 'tls' : 'startTls' }, error);
  return failure(connectionFault(error, at), at, error);
}

/** The failure that a refusing reply means. */
export function refusal(stage: StageName, reply: Reply, endpoint: RelayEndpoint): SmtpFailure {
  const { code, text, enhancedCode } = reply;
  const fault = replyFault(stage, reply, describeRelay(endpoint));
  return new SmtpFailure({ ...fault, stage, address: endpoint.address, reply: text, replyCode: code, enhancedCode });
}

const failure = (fault: Fault, at: Circumstances, cause: Error): SmtpFailure =>
  new SmtpFailure({ ...fault, stage: at.stage, address: at.endpoint.address, reply: at.unsolicited, messageHandedOver: at.messageHandedOver, cause });

function faultOfTls(error: WireError, { endpoint, stage, secured }: Circumstances): Fault | null {
  if (endpoint.security === 'none' || stage === 'connect') return null;
  const sawCertificate = error instanceof HandshakeError ? error.sawServerCertificate : secured;
  return tlsFault(error.cause, endpoint, sawCertificate) ?? (error instanceof HandshakeError ? handshakeBrokenOff(endpoint) : null);
}

const materialFault = (error: TlsMaterialError): Fault => error.part === 'clientCertificate'
  ? { code: 'CLIENT_CERTIFICATE_INVALID', message: error.message, hint: 'Install the client certificate again, with the key that belongs to it.' }
  : { code: 'TRUSTED_CERTIFICATE_INVALID', message: error.message, hint: 'Remove the damaged certificate from the trusted certificates.' };
