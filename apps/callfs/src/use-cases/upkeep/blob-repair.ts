import { createHash } from 'node:crypto';
import { CallfsError, newStorageKey, type Content, type Replica } from '@callfs/core';
import type { MetadataStore } from '@callfs/metadata';
import type { BlobBody, StorageProvider, StorageProviders } from '@callfs/storage';
import type { BlobFinding } from './blob-audit';

/** Makes a blob anew that was lost or damaged, from another one of the same content, wherever in the cluster that is. */
export class BlobRepair {
  constructor(
    private readonly store: MetadataStore,
    private readonly providers: StorageProviders,
  ) {}

  /**
   * Whether the blob was replaced by a good one in its place. Without another that can be read and is what was committed,
   * nothing is changed: what is left of the blob stays where it is.
   */
  async repair({ problem, content, replica }: BlobFinding): Promise<boolean> {
    if (problem === 'unreadable') return false;
    const others = content.replicas.filter((other) => !isSame(other, replica) && this.providers.canReach(other));
    for (const source of others.sort((a, b) => this.cost(a) - this.cost(b)))
      if (await this.replace(content, replica, source)) return true;
    return false;
  }

  private cost(source: Replica): number {
    if (this.providers.isAtHand(source)) return 0;
    return this.providers.isAway(source) ? 2 : 1;
  }

  private async replace(content: Content, replica: Replica, source: Replica): Promise<boolean> {
    const provider = this.providers.get(replica.backend);
    const fresh = { ...replica, key: newStorageKey() };
    try {
      await copyVerified(this.providers.at(source), source.key, provider, fresh.key, content);
    } catch (error) {
      if (CallfsError.is(error)) return false;
      throw error;
    }
    try {
      await this.store.changeReplicas(content.id, { drop: [replica], add: [fresh] });
    } catch (error) {
      // Whether the commit came through is not always known; then the blob is left to the sweep.
      if (CallfsError.is(error, 'METADATA_UNAVAILABLE')) await provider.settle?.(fresh.key);
      else await provider.delete(fresh.key);
      if (CallfsError.is(error, 'CONFLICT')) return false;
      throw error;
    }
    await provider.settle?.(fresh.key);
    return true;
  }
}

/** Blobs of different nodes may have the same key. */
function isSame(a: Replica, b: Replica): boolean {
  return a.key === b.key && a.backend === b.backend && a.instanceId === b.instanceId;
}

/** A copy that is not what was committed leaves nothing. */
async function copyVerified(
  from: StorageProvider,
  fromKey: string,
  to: StorageProvider,
  toKey: string,
  expected: Content,
): Promise<void> {
  const { size, sha256 } = expected;
  const hash = createHash('sha256');
  const hashed = async function* (body: BlobBody) {
    for await (const chunk of body) {
      hash.update(chunk);
      yield chunk;
    }
    if (hash.digest('hex') !== sha256) throw new CallfsError('DIGEST_MISMATCH', 'The other blob is not what was committed.');
  };
  await to.write(toKey, hashed(await from.read(fromKey, { expected })), { size });
}
