/** How long a store keeps what might still be asked for. */
export interface Graces {
  /** How long a content without a reference is kept for those who still read it. Default: a minute. */
  readonly collectGraceMs?: number;
  /** For so long a commit of a condemned blob is refused, also when the blob is long gone. Default: ten minutes. */
  readonly lateCommitMs?: number;
}

export function gracesOf({ collectGraceMs = 60_000, lateCommitMs = 600_000 }: Graces): Required<Graces> {
  return { collectGraceMs, lateCommitMs };
}
