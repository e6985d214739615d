/** A node of the cluster, as this one sees it now. */
export interface ClusterNode {
  readonly name: string;
  /** Whether it lives and answers, as far as this node knows. */
  readonly answers: boolean;
  /** For how long no life of it was seen; 0 while it lives. */
  readonly awayMs: number;
}

/** The nodes of the cluster, as the use cases need to know them. */
export abstract class ClusterNodes {
  /** The name of this one. */
  abstract readonly self: string;

  /** The names of all that anybody knows how to reach, this one included. */
  abstract names(): Promise<string[]>;

  /** Those that are registered, this one included. */
  abstract look(): Promise<ClusterNode[]>;

  /** The names of the others that answer, out of what is known at once. */
  abstract answering(): string[];
}
