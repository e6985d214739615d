import { createHash } from 'node:crypto';
import { CallfsError, newStorageKey, type Content, type Replica } from '@callfs/core';
import type { MetadataStore } from '@callfs/metadata';
import type { BlobBody, StorageProvider, StorageProviders } from '@callfs/storage';
import type { BlobFinding } from './blob-audit';

/** Makes a blob anew that was lost or damaged, from another one of the same content. */
export class BlobRepair {
  constructor(
    private readonly store: MetadataStore,
    private readonly providers: StorageProviders,
    private readonly instanceId: string,
  ) {}

  /**
   * Whether the blob was replaced by a good one in its place. Without another that can be read and is what was committed,
   * nothing is changed: what is left of the blob stays where it is.
   */
  async repair({ problem, content, replica }: BlobFinding): Promise<boolean> {
    if (problem === 'unreadable') return false;
    for (const source of content.replicas) {
      if (source === replica || source.key === replica.key || !this.isInReach(source)) continue;
      if (await this.replace(content, replica, source)) return true;
    }
    return false;
  }

  private isInReach({ backend, instanceId }: Replica): boolean {
    return this.providers.has(backend) && (instanceId === '' || instanceId === this.instanceId);
  }

  private async replace(content: Content, replica: Replica, source: Replica): Promise<boolean> {
    const provider = this.providers.get(replica.backend);
    const fresh = { ...replica, key: newStorageKey() };
    try {
      await copyVerified(this.providers.get(source.backend), source.key, provider, fresh.key, content);
    } catch (error) {
      if (CallfsError.is(error)) return false;
      throw error;
    }
    try {
      await this.store.changeReplicas(content.id, { drop: [replica], add: [fresh] });
    } catch (error) {
      // Whether the commit came through is not always known; then the blob is left to the sweep.
      if (!CallfsError.is(error, 'METADATA_UNAVAILABLE')) await provider.delete(fresh.key);
      if (CallfsError.is(error, 'CONFLICT')) return false;
      throw error;
    }
    await provider.settle?.(fresh.key);
    return true;
  }
}

/** A copy that is not what was committed leaves nothing. */
async function copyVerified(
  from: StorageProvider,
  fromKey: string,
  to: StorageProvider,
  toKey: string,
  { size, sha256 }: Content,
): Promise<void> {
  const hash = createHash('sha256');
  const hashed = async function* (body: BlobBody) {
    for await (const chunk of body) {
      hash.update(chunk);
      yield chunk;
    }
    if (hash.digest('hex') !== sha256) throw new CallfsError('DIGEST_MISMATCH', 'The other blob is not what was committed.');
  };
  await to.write(toKey, hashed(await from.read(fromKey)), { size });
}
