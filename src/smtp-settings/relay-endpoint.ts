import { parseServerAddress, type ServerAddress } from '../dns/server-address.js';
import type { RelayEndpoint } from '../smtp/endpoint.js';
import type { Relay } from './relay.js';

/** The configured server as names and look-ups need it; it was checked when it was entered. */
export const serverOf = ({ serverAddress }: Pick<Relay, 'serverAddress'>): ServerAddress => parseServerAddress(serverAddress) as ServerAddress;

/** One address of the relay, ready to be connected to. The certificate is checked for the configured name, not for what an MX record says. */
export function relayEndpoint(relay: Relay, address: string, means: Pick<RelayEndpoint, 'credentials' | 'tls' | 'timeouts'>): RelayEndpoint {
  const { port, security, verifyCertificate, clientHostname } = relay;
  return { address, port, host: serverOf(relay).host, security, verifyCertificate, clientHostname, ...means };
}
