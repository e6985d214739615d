import { CallfsError, type Content, type Replica } from '@callfs/core';
import type { MetadataStore } from '@callfs/metadata';
import type { StorageProviders } from '@callfs/storage';
import type { BlobAudit } from './blob-audit';
import type { Stranger } from './orphan-search';

/**
 * Gives blobs to this node that lie on its disk and that the metadata has as another's: this node got another name, or the
 * disk of that one.
 */
export class BlobAdoption {
  constructor(
    private readonly store: MetadataStore,
    private readonly providers: StorageProviders,
    private readonly audit: BlobAudit,
  ) {}

  /**
   * Whether the content has its blob here now. Not when the other node has it after all, or cannot be asked from here at all,
   * or when the blob is not what was committed; then nothing is changed.
   */
  async adopt({ replica, owner }: Stranger): Promise<boolean> {
    const theirs = { ...replica, instanceId: owner };
    const content = await this.contentOf(theirs);
    if (!content || !this.providers.canReach(theirs) || (await this.isThere(theirs))) return false;
    if (!(await this.audit.isSound(content, replica))) return false;
    const { backend, instanceId } = replica;
    const place = content.backend === backend && content.instanceId === owner ? { place: { backend, instanceId } } : {};
    // Under this name it may have been somebody's before, and given up with the name.
    await this.store.forget([replica]);
    try {
      await this.store.changeReplicas(content.id, { drop: [theirs], add: [replica], ...place });
    } catch (error) {
      if (CallfsError.is(error, 'CONFLICT')) return false;
      throw error;
    }
    return true;
  }

  /** A part of an upload is nobody's content. */
  private async contentOf({ backend, instanceId, key }: Replica): Promise<Content | undefined> {
    const sql = 'SELECT content_id AS id FROM replica WHERE backend = ? AND instance_id = ? AND key = ?';
    const [row] = await this.store.tables.read<{ id: number }>('adopt', sql, backend, instanceId, key);
    if (!row) return undefined;
    const [content] = await this.store.contents({ after: row.id - 1, limit: 1 });
    return content?.id === row.id ? content : undefined;
  }

  /** A node that does not answer, or is none any more, has nothing. */
  private async isThere(theirs: Replica): Promise<boolean> {
    try {
      await this.providers.at(theirs).stat(theirs.key);
      return true;
    } catch (error) {
      if (CallfsError.is(error, 'FILE_NOT_FOUND', 'PEER_UNAVAILABLE')) return false;
      throw error;
    }
  }
}
