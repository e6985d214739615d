/** What kept the server from starting. `dependency` may pass by itself: waiting and trying again makes sense. */
export type StartupKind = 'config' | 'address' | 'tls' | 'metadata' | 'locks' | 'storage' | 'dependency';

export interface StartupFailure {
  readonly kind: StartupKind;
  /** The key of the configuration that it hangs on; empty when it is none, or the reason names it. */
  readonly key: string;
  /** What happened, with the place and never with a secret: a sentence without its full stop, or several lines. */
  readonly reason: string;
  /** What to do next: a sentence. Empty when the reason says it. */
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
    super(wording(key, reason, next), cause === undefined ? undefined : { cause });
    this.kind = kind;
    this.key = key;
    this.reason = reason;
    this.next = next;
  }
}

function wording(key: string, reason: string, next: string): string {
  const named = key === '' ? reason : `${key}: ${reason}`;
  if (next === '') return named;
  return reason.includes('\n') ? `${named}\n${next}` : `${named}. ${next}`;
}
