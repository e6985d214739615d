import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import { AddressRanges, plainAddress } from '@callfs/core';

/** Tells the client's address, believing `X-Forwarded-For` only where `server.trusted_proxies` wrote it. */
export class RemoteAddress {
  private readonly trusted: AddressRanges;
  private readonly trustsAnyone: boolean;

  /** Addresses and CIDR blocks. */
  constructor(trustedProxies: readonly string[]) {
    this.trustsAnyone = trustedProxies.length > 0;
    this.trusted = new AddressRanges(trustedProxies);
  }

  of(request: IncomingMessage): string {
    const peer = plainAddress(request.socket.remoteAddress ?? '');
    if (!this.trustsAnyone || !this.trusted.includes(peer)) return peer;
    const forwarded = request.headers['x-forwarded-for'];
    const hops = (Array.isArray(forwarded) ? forwarded.join(',') : (forwarded ?? '')).split(',').map((hop) => hop.trim());
    // From the last hop inwards: each was written by the one after it, so the first that is not ours is the client.
    for (let i = hops.length - 1; i >= 0; i--) {
      const hop = plainAddress(hops[i] ?? '');
      if (isIP(hop) === 0) return peer;
      if (!this.trusted.includes(hop) || i === 0) return hop;
    }
    return peer;
  }
}
