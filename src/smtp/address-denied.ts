import { describeRelay, type RelayEndpoint } from './endpoint.js';
import { SmtpFailure } from './failure.js';
import { emptyStage } from './stage.js';

/** No connection was opened, because the address lies in a network that is not allowed: told like a `connect` stage that failed. */
export function addressDenied(endpoint: Pick<RelayEndpoint, 'host' | 'address' | 'port'>): SmtpFailure {
  const { address } = endpoint;
  const message = `Mailroom may not connect to ${describeRelay(endpoint)}: the address lies in a network that is denied.`;
  const hint = 'Enter a mail server with another address, or have the network taken off MAILROOM_SMTP_DENY_NETWORKS.';
  const failure = new SmtpFailure({ code: 'SMTP_ADDRESS_DENIED', stage: 'connect', address, message, hint });
  failure.stages = [{ ...emptyStage('connect', 'failed'), code: failure.code, message, hint }];
  return failure;
}
