import { CallfsError } from '@callfs/core';

/**
 * Whether this run still goes by the name of its node. When another does, what is written here would be looked for on the disk
 * of that one, so nothing is written any more; what is there is read. It lasts until a restart, since others take
 * the locks of a run that was followed by another for dead.
 */
export class OwnName {
  private isTaken = false;

  constructor(private readonly instanceId: string) {}

  get taken(): boolean {
    return this.isTaken;
  }

  takenByAnother(): void {
    this.isTaken = true;
  }

  /** `METADATA_UNAVAILABLE` once another goes by it. */
  refuseTaken(): void {
    if (!this.isTaken) return;
    throw new CallfsError(
      'METADATA_UNAVAILABLE',
      `Another node has registered as "${this.instanceId}", and this one accepts no writes any more. Give each node an instance_discovery.instance_id of its own and start this one again.`,
    );
  }
}
