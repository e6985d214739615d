import type { IncomingMessage } from 'node:http';
import { BlockList, isIP } from 'node:net';

/** Tells the client's address, believing `X-Forwarded-For` only where `server.trusted_proxies` wrote it. */
export class RemoteAddress {
  private readonly trusted = new BlockList();
  private readonly trustsAnyone: boolean;

  /** Addresses and CIDR blocks. */
  constructor(trustedProxies: readonly string[]) {
    this.trustsAnyone = trustedProxies.length > 0;
    for (const proxy of trustedProxies) {
      const [address = '', bits] = proxy.split('/');
      const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
      if (bits === undefined) this.trusted.addAddress(address, family);
      else this.trusted.addSubnet(address, Number(bits), family);
    }
  }

  of(request: IncomingMessage): string {
    const peer = plainAddress(request.socket.remoteAddress ?? '');
    if (!this.trustsAnyone || !this.trusts(peer)) return peer;
    const forwarded = request.headers['x-forwarded-for'];
    const hops = (Array.isArray(forwarded) ? forwarded.join(',') : (forwarded ?? '')).split(',').map((hop) => hop.trim());
    // From the last hop inwards: each was written by the one after it, so the first that is not ours is the client.
    for (let i = hops.length - 1; i >= 0; i--) {
      const hop = plainAddress(hops[i] ?? '');
      if (isIP(hop) === 0) return peer;
      if (!this.trusts(hop) || i === 0) return hop;
    }
    return peer;
  }

  private trusts(address: string): boolean {
    const family = isIP(address);
    return family !== 0 && this.trusted.check(address, family === 6 ? 'ipv6' : 'ipv4');
  }
}

/** `::ffff:192.0.2.1` is how a dual-stack socket writes `192.0.2.1`. */
function plainAddress(address: string): string {
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address;
}
