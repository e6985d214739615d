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

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIP(address) === 6 ? 'ipv6' : 'ipv4';
}
