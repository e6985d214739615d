/** What kept the server from starting. `dependency` may pass by itself: waiting and trying again makes sense. */
export type StartupKind = 'config' | 'address' | 'tls' | 'metadata' | 'locks' | 'storage' | 'dependency';

export interface StartupFailure {
  readonly kind: StartupKind;
  /** The key of the configuration that it hangs on; empty when it is none alone. */
  readonly key: string;
  /** What happened, with the place and never with a secret: a sentence without its full stop, or several lines. */
  readonly reason: string;
  /** What to do next: a sentence. */
  readonly next: string;
  readonly cause?: unknown;
}

/** A start that failed for a reason the operator can do something about; the message says all of it. */
export class StartupError extends Error {
  override readonly name: string = 'StartupError';
  readonly kind: StartupKind;
  readonly key: string;
  readonly reason: string;
  readonly next: string;

  constructor({ kind, key, reason, next, cause }: StartupFailure) {
    const named = key === '' || kind === 'config' ? reason : `${key}: ${reason}`;
    super(named.includes('\n') ? `${named}\n${next}` : `${named}. ${next}`, cause === undefined ? undefined : { cause });
    this.kind = kind;
    this.key = key;
    this.reason = reason;
    this.next = next;
  }
}
