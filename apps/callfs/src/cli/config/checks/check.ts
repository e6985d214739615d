/** What a check of one thing that the server would open came to. */
export interface CheckResult {
  readonly check: 'address' | 'metrics' | 'certificate' | 'metadata' | 'locks' | 'storage';
  readonly state: 'ok' | 'warning' | 'failed' | 'unreachable';
  /** What was seen, or why it failed and what to do: one line. */
  readonly saw: string;
}

/** What a check that succeeded saw. */
export interface Seen {
  readonly saw: string;
  /** The server would start, but the operator should know. */
  readonly warning?: boolean;
}
