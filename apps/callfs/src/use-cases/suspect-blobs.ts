import type { Content, Replica } from '@callfs/core';

/** Told of a blob of this node that may be missing or damaged. */
export type SuspectListener = (content: Content, replica: Replica) => void;

/**
 * Blobs of this node's own that a reader found missing or damaged and did without, on their way to whoever looks after them.
 */
export class SuspectBlobs {
  private listener: SuspectListener = () => undefined;

  tell(listener: SuspectListener): void {
    this.listener = listener;
  }

  report(content: Content, replica: Replica): void {
    this.listener(content, replica);
  }
}
