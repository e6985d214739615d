import type { ActingUser } from '../storage-provider';

/** One request to another node. `target` is path and query, already encoded. */
export interface PeerRequest {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  readonly target: string;
  readonly body?: AsyncIterable<Uint8Array>;
  /** What the body must come to, where that is known: `CONTENT_LENGTH_MISMATCH` when it does not. */
  readonly size?: number;
  readonly signal?: AbortSignal;
  readonly actingFor?: ActingUser;
  /** The answer tells how something goes: it comes as slowly as that, but is never silent for long. */
  readonly isTalk?: boolean;
}

export interface PeerAnswer {
  /** Bytes of the answer's body, where the peer announced them. */
  readonly length: number | undefined;
  /** Of the object that the answer is about, where it is about one. */
  readonly objectSize: number | undefined;
  /** Breaks with `PEER_UNAVAILABLE` when the peer stops or dies. To be read to its end, or left. */
  readonly body: AsyncIterable<Buffer>;
}

/**
 * The way to one other node: signed, bounded in time, never anywhere but where the node is registered. What the peer
 * refuses is thrown as it was there (`FILE_NOT_FOUND`, `INSUFFICIENT_STORAGE`, …), anything else is `PEER_UNAVAILABLE`.
 * `send` rejects before the body of an answer flows; the body of a request is all taken by the peer or nothing of it.
 */
export interface PeerLink {
  send(request: PeerRequest): Promise<PeerAnswer>;
  close(): Promise<void>;
}
