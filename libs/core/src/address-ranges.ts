import { BlockList, isIP } from 'node:net';

/** Addresses and networks (`192.0.2.1`, `10.0.0.0/8`, `2001:db8::/32`), to ask whether an address is among them. */
export class AddressRanges {
  private readonly blocks = new BlockList();

  /** Each one passes `isAddressRange`. */
  constructor(ranges: readonly string[]) {
    for (const range of ranges) {
      const [address = '', bits] = range.split('/');
      if (bits === undefined) this.blocks.addAddress(address, familyOf(address));
      else this.blocks.addSubnet(address, Number(bits), familyOf(address));
    }
  }

  /** `false` for what is no address. */
  includes(address: string): boolean {
    return isIP(address) !== 0 && this.blocks.check(address, familyOf(address));
  }
}

export function isAddressRange(text: string): boolean {
  const [address = '', bits, ...rest] = text.split('/');
  const version = isIP(address);
  if (version === 0 || rest.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128));
}

/** `::ffff:192.0.2.1` is how a dual-stack socket writes `192.0.2.1`. */
export function plainAddress(address: string): string {
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address;
}

const IPV6_GROUPS = 8;
const IPV6_NETWORK_GROUPS = 4;

/**
 * What is counted as one client: an IPv4 address, of IPv6 the network of 64 bits, since whoever has one address has all of
 * those (RFC 6177). What is no address stands for itself.
 */
export function clientNetwork(address: string): string {
  const plain = plainAddress(address);
  if (isIP(plain) !== 6) return plain;
  const [head = [], tail] = (plain.split('%')[0] ?? '')
    .split('::')
    .map((part) => part.split(':').filter((group) => group !== ''));
  const missing = IPV6_GROUPS - head.length - (tail?.length ?? 0);
  const groups = tail === undefined ? head : [...head, ...Array<string>(missing).fill('0'), ...tail];
  const network = groups.slice(0, IPV6_NETWORK_GROUPS).map((group) => Number.parseInt(group, 16).toString(16));
  return `${network.join(':')}::/64`;
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIP(address) === 6 ? 'ipv6' : 'ipv4';
}
