/** Who did what to which path from where with which result. Never a key, a token or a password. */
export interface AuditEntry {
  readonly atMs: number;
  /** Empty when nobody was recognised. */
  readonly user: string;
  readonly keyId: string;
  /** `put`, `rename`, …, or the route: `DELETE /v1/admin/keys/:id`. */
  readonly operation: string;
  readonly path: string | null;
  /** The other path of a move. */
  readonly target: string | null;
  readonly address: string;
  readonly status: number;
  /** `OK`, or the code of the error. */
  readonly code: string;
  readonly requestId: string;
  /** What else there is to know: the reason that was given, what the URL named. */
  readonly detail: string | null;
}

/** What a use case says of what it is about to do. */
export interface Deed {
  readonly operation: string;
  readonly paths: readonly string[];
  readonly detail?: string;
  /** On whose behalf, where the caller has no key of its own. */
  readonly user?: string;
}
