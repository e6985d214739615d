import { CallfsError } from '@callfs/core';
import type { FsckEvent, FsckOptions } from '../use-cases/upkeep/fsck.service';
import type { OtherNodes } from '../use-cases/upkeep/other-nodes';
import { PEER_CHECK } from './internal-routes';
import { jsonLines } from './json-lines';
import type { NodeSightings } from './node-sightings';
import type { Peers } from './peers';

/** Has the other nodes look at their own blobs. */
export class PeerChecks implements OtherNodes {
  constructor(
    private readonly sightings: NodeSightings,
    private readonly peers: Peers,
    /** This node. */
    private readonly instanceId: string,
  ) {}

  async names(): Promise<string[]> {
    return [...(await this.sightings.look()).keys()].filter((name) => name !== this.instanceId);
  }

  async *check(
    instanceId: string,
    { repair, verifyContent }: Pick<FsckOptions, 'repair' | 'verifyContent'>,
  ): AsyncGenerator<FsckEvent> {
    const { body } = await this.peers.link(instanceId).send({
      method: repair ? 'POST' : 'GET',
      target: `${PEER_CHECK}?verify_content=${verifyContent}`,
      isTalk: true,
    });
    for await (const line of jsonLines(body)) {
      const event = line as FsckEvent;
      // A line that only says that it goes on has nothing to add.
      if (event.event === 'progress' && event.blobs === undefined) continue;
      yield event;
      if (event.event === 'summary') return;
    }
    throw new CallfsError('PEER_UNAVAILABLE', `The node ${instanceId} stopped in the middle of looking at its blobs. Try again.`);
  }
}
