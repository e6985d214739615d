import type { IncomingHttpHeaders } from 'node:http';
import { CallfsError } from '@callfs/core';
import { isSame, PEER_FIELDS, type PeerBodyKind, type PeerClaims, type PeerSecret } from './peer-signature';

/** How far the time of a request may be from this node's; a signer that learns of a difference allows for it. */
export const PEER_WINDOW_MS = 30_000;
/** A request is answered where the blob is, so one hop is enough; more only happen when nodes are sent to each other in error. */
export const MAX_HOPS = 3;

const NONCE = /^[0-9a-f]{32}$/;
const NUMBER = /^[0-9]{1,15}$/;

/**
 * Lets the requests of peers in and nothing else: signed with the secret of the cluster, for this node, now, and for the
 * first time. Everything else is `AUTHENTICATION_FAILED`, in the same words.
 */
export class PeerGate {
  /** Nonces of the last one to two windows' length, in two parts of which the older is dropped. */
  private fresh = new Set<string>();
  private old = new Set<string>();
  private turnedAtMs = performance.now();
  /** What was signed before this node ran may be a replay: its nonces are not known any more. */
  private readonly startedAtMs: number;

  constructor(
    private readonly secret: PeerSecret,
    private readonly instanceId: string,
    private readonly nowMs: () => number = Date.now,
  ) {
    this.startedAtMs = nowMs();
  }

  /** `TOO_MANY_HOPS` beside it, and `PEER_UNAVAILABLE` for what another node was meant to get. */
  admit(method: string, target: string, headers: IncomingHttpHeaders): PeerClaims {
    const claims = read(method, target, headers);
    const signature = headers[PEER_FIELDS.signature];
    if (!claims || typeof signature !== 'string' || !isSame(signature, this.secret.signatureOf(claims))) throw refused();
    if (claims.from === this.instanceId || claims.hops > MAX_HOPS) {
      const message = 'A request of this node came back to it. Every address in peer_endpoints must be that of its own node.';
      throw new CallfsError('TOO_MANY_HOPS', message);
    }
    if (claims.to !== this.instanceId) {
      const message = `This is ${this.instanceId}, not ${claims.to}. Every address in peer_endpoints must be that of its own node.`;
      throw new CallfsError('PEER_UNAVAILABLE', message);
    }
    this.judgeTime(claims);
    this.judgeNonce(claims.nonce);
    return claims;
  }

  private judgeTime({ timeMs, nonce }: PeerClaims): void {
    const now = this.nowMs();
    if (Math.abs(now - timeMs) <= PEER_WINDOW_MS && timeMs >= this.startedAtMs) return;
    // The signer knows the secret, so it may be told the time, and ask again.
    throw refused({ time_ms: now, proof: this.secret.clockProof(nonce, now) });
  }

  private judgeNonce(nonce: string): void {
    const now = performance.now();
    if (now - this.turnedAtMs > 2 * PEER_WINDOW_MS) {
      this.old = now - this.turnedAtMs > 4 * PEER_WINDOW_MS ? new Set() : this.fresh;
      this.fresh = new Set();
      this.turnedAtMs = now;
    }
    if (this.fresh.has(nonce) || this.old.has(nonce)) throw refused();
    this.fresh.add(nonce);
  }
}

function refused(clock?: { time_ms: number; proof: string }): CallfsError {
  return new CallfsError('AUTHENTICATION_FAILED', 'Only nodes of this cluster may ask here.', clock && { details: { clock } });
}

function read(method: string, target: string, headers: IncomingHttpHeaders): PeerClaims | undefined {
  const field = (name: keyof typeof PEER_FIELDS) => {
    const value = headers[PEER_FIELDS[name]];
    return typeof value === 'string' ? value : '';
  };
  const [time, hops, body] = [field('time'), field('hops'), field('body')];
  if (!NUMBER.test(time) || !NUMBER.test(hops) || !NONCE.test(field('nonce')) || !isKind(body)) return undefined;
  return {
    method,
    target,
    from: field('from'),
    to: field('to'),
    timeMs: Number(time),
    nonce: field('nonce'),
    hops: Number(hops),
    user: field('user'),
    requestId: field('request'),
    body,
  };
}

function isKind(text: string): text is PeerBodyKind {
  return text === 'none' || text === 'sealed';
}
