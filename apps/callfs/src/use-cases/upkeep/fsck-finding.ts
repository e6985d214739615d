import type { FaultKind, MetadataFault } from '@callfs/metadata';
import { FAULT_KINDS } from '@callfs/metadata';
import type { BlobFinding, BlobProblem } from './blob-audit';
import type { Orphan, Stranger } from './orphan-search';

/** `found`: told, nothing done; `repaired`; `kept`: it cannot be put right here without losing something. */
export type FindingState = 'found' | 'repaired' | 'kept';

/** One thing that is wrong. */
export interface FsckFinding extends Omit<MetadataFault, 'kind'> {
  readonly event: 'finding';
  readonly kind: FaultKind | `blob_${BlobProblem}` | 'blob_unreferenced' | 'blob_of_another_node';
  readonly message: string;
  readonly state: FindingState;
  /** Files that are concerned, as far as they were looked for. */
  readonly paths?: readonly string[];
  readonly bytes?: number;
}

export function faultFinding(fault: MetadataFault, state: FindingState): FsckFinding {
  const { kind, found, expected } = fault;
  const numbers = found === undefined ? '' : ` (${found} instead of ${expected})`;
  return { event: 'finding', ...fault, message: FAULT_KINDS[kind] + numbers, state };
}

export function findingOf({ problem, detail, content, replica }: BlobFinding, state: FindingState): FsckFinding {
  const { backend, instanceId, key } = replica;
  const place = { content: content.id, backend, instance_id: instanceId, key, bytes: content.size };
  return { event: 'finding', kind: `blob_${problem}`, message: `a blob is not what was committed: ${detail}`, state, ...place };
}

export function orphanFinding({ replica, size }: Orphan, state: FindingState): FsckFinding {
  const { backend, instanceId, key } = replica;
  const place = { backend, instance_id: instanceId, key, bytes: size };
  return { event: 'finding', kind: 'blob_unreferenced', message: 'a blob belongs to nothing', state, ...place };
}

export function strangerFinding(stranger: Stranger, state: FindingState): FsckFinding {
  const message = `a blob of the node "${stranger.owner}" is here: this node, or its disk, had that name`;
  return { ...orphanFinding(stranger, state), kind: 'blob_of_another_node', message };
}
