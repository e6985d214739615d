import { createHmac, timingSafeEqual } from 'node:crypto';

/** The header fields of a request between nodes. */
export const PEER_FIELDS = {
  from: 'x-callfs-peer-from',
  to: 'x-callfs-peer-to',
  time: 'x-callfs-peer-time',
  nonce: 'x-callfs-peer-nonce',
  hops: 'x-callfs-peer-hops',
  user: 'x-callfs-peer-user',
  request: 'x-callfs-peer-request',
  body: 'x-callfs-peer-body',
  signature: 'x-callfs-peer-signature',
  /** Of an answer: bytes of the object that it is about. */
  objectSize: 'x-callfs-object-size',
} as const;

/**
 * How a body is covered by the signature: there is none, or its last 32 bytes sign its SHA-256 together with the nonce. So
 * a body is sent as it comes, and is not taken before its very end has proved it.
 */
export type PeerBodyKind = 'none' | 'sealed';

export const SEAL_BYTES = 32;

/** All that the signature of a request covers. */
export interface PeerClaims {
  readonly method: string;
  /** Path and query as they stand in the request line. */
  readonly target: string;
  readonly from: string;
  /** So that what was sent to one node is of no use with another. */
  readonly to: string;
  readonly timeMs: number;
  readonly nonce: string;
  readonly hops: number;
  /** Percent-encoded. */
  readonly user: string;
  readonly requestId: string;
  readonly body: PeerBodyKind;
}

/** What nodes prove to each other that they know: `auth.internal_proxy_secret`. It opens nothing else. */
export class PeerSecret {
  constructor(private readonly secret: string) {}

  signatureOf(claims: PeerClaims): string {
    const { method, target, from, to, timeMs, nonce, hops, user, requestId, body } = claims;
    return this.mac('request', method, target, from, to, timeMs, nonce, hops, user, requestId, body).toString('hex');
  }

  /** The last bytes of a body. */
  sealOf(nonce: string, sha256: Buffer): Buffer {
    return this.mac('body', nonce, sha256.toString('hex'));
  }

  /** With it a node tells the time to one whose clock is another, in answer to one request. */
  clockProof(nonce: string, timeMs: number): string {
    return this.mac('clock', nonce, timeMs).toString('hex');
  }

  /** No part may contain a line break: header fields and request lines cannot. */
  private mac(...parts: readonly (string | number)[]): Buffer {
    return createHmac('sha256', this.secret)
      .update(`callfs-peer-1\n${parts.join('\n')}`)
      .digest();
  }
}

/** In constant time. */
export function isSame(given: string, expected: string): boolean {
  const [a, b] = [Buffer.from(given, 'latin1'), Buffer.from(expected, 'latin1')];
  return a.length === b.length && timingSafeEqual(a, b);
}
