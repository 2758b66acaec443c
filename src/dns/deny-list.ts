import { BlockList, isIP } from 'node:net';

/** RFC 6052 §2.1: through a NAT64 an IPv4 address can be reached under this prefix too. */
const NAT64_PREFIX = '64:ff9b::';
const NAT64_BITS = 96;

/**
 * Networks that no connection may be opened to, so that whoever may set a mail server cannot reach what was never meant for it, such as
 * a cloud's metadata service. To be asked about the literal address that is about to be connected to, never about a name: what a name
 * leads to may have changed a moment later.
 */
export class DenyList {
  private readonly blocked = new BlockList();

  /** @param networks in CIDR notation (`169.254.0.0/16`, `fe80::/10`), already checked; bits behind the prefix do not count */
  constructor(networks: readonly string[]) {
    networks.forEach((network) => this.add(network));
  }

  /**
   * Whether the address lies in one of the networks, also when an IPv4 address comes as IPv6 (`::ffff:169.254.169.254`, or through a NAT64).
   * @param address an IP literal without brackets; the zone of a link-local address (`fe80::1%eth0`) is left aside
   * @throws TypeError when it is no IP address
   */
  denies(address: string): boolean {
    const bare = address.replace(/%.*$/s, '');
    const family = isIP(bare);
    if (family === 0) throw new TypeError(`"${address}" is no IP address`);
    return this.blocked.check(bare, family === 4 ? 'ipv4' : 'ipv6');
  }

  private add(network: string): void {
    const [address = '', bits] = network.split('/');
    const prefix = Number(bits);
    if (isIP(address) === 6) return this.blocked.addSubnet(address, prefix, 'ipv6');
    this.blocked.addSubnet(address, prefix, 'ipv4');
    this.blocked.addSubnet(`${NAT64_PREFIX}${address}`, NAT64_BITS + prefix, 'ipv6');
  }
}
