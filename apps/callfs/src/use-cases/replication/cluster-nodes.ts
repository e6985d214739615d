/** The nodes of the cluster, as the use cases need to know them. */
export abstract class ClusterNodes {
  /** The name of this one. */
  abstract readonly self: string;

  /** The names of all that anybody knows how to reach, this one included. */
  abstract names(): Promise<string[]>;
}
