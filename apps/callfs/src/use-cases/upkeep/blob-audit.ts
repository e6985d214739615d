import { createHash } from 'node:crypto';
import { CallfsError, type Content, type Replica } from '@callfs/core';
import type { MetadataStore } from '@callfs/metadata';
import { damageIn, type StorageProviders } from '@callfs/storage';

/** `unreadable`: the backend failed, which says nothing of the bytes. */
export type BlobProblem = 'missing' | 'wrong_size' | 'damaged' | 'unreadable';

/** A blob that is not what its content says. */
export interface BlobFinding {
  readonly problem: BlobProblem;
  readonly detail: string;
  /** As it was when this was found. */
  readonly content: Content;
  readonly replica: Replica;
}

/** Waits as long as the rate asks for after so many bytes; rejects when there is to be no more. */
export type Pace = (bytes: number) => Promise<void>;

/** Judges the blobs of contents that this node can reach. */
export class BlobAudit {
  constructor(
    private readonly store: MetadataStore,
    private readonly providers: StorageProviders,
  ) {}

  /** Whether the blob is there and has its size. */
  look(content: Content, replica: Replica): Promise<BlobFinding | undefined> {
    return this.judge(content, replica, async () => {
      const { size } = await this.providers.get(replica.backend).stat(replica.key);
      return size === content.size ? undefined : sizeDiffers(content, size);
    });
  }

  /** Whether the blob is, byte for byte, what was committed. */
  read(content: Content, replica: Replica, pace: Pace): Promise<BlobFinding | undefined> {
    return this.judge(content, replica, () => this.compare(content, replica, pace));
  }

  /** Whether a blob here, be it the content's or not, is byte for byte what was committed. */
  async isSound(content: Content, blob: Replica): Promise<boolean> {
    const problem = await this.compare(content, blob, () => Promise.resolve()).catch(problemOf);
    return problem === undefined;
  }

  private async compare(
    { size: expected, sha256 }: Content,
    { backend, key }: Replica,
    pace: Pace,
  ): Promise<Pick<BlobFinding, 'problem' | 'detail'> | undefined> {
    const provider = this.providers.get(backend);
    const { size } = await provider.stat(key);
    if (size !== expected) return sizeDiffers({ size: expected }, size);
    const hash = createHash('sha256');
    for await (const chunk of await provider.read(key)) {
      hash.update(chunk);
      await pace(chunk.length);
    }
    if (hash.digest('hex') === sha256) return undefined;
    return { problem: 'damaged', detail: 'its SHA-256 is not the one that was committed' };
  }

  private async judge(
    content: Content,
    replica: Replica,
    check: () => Promise<Pick<BlobFinding, 'problem' | 'detail'> | undefined>,
  ): Promise<BlobFinding | undefined> {
    const found = await check().catch(problemOf);
    // What was replaced, moved or removed while it was looked at is nobody's loss.
    const present = found && (await this.presentOf(content, replica));
    return present && { ...found, content: present, replica };
  }

  /** The content with the blobs that it has by now; nothing when this is none of them any more. */
  private async presentOf({ id }: Content, { backend, instanceId, key }: Replica): Promise<Content | undefined> {
    const [content] = await this.store.contents({ after: id - 1, limit: 1 });
    if (content?.id !== id) return undefined;
    const isThis = (each: Replica) => each.key === key && each.backend === backend && each.instanceId === instanceId;
    return content.replicas.some(isThis) ? content : undefined;
  }
}

function sizeDiffers({ size }: Pick<Content, 'size'>, found: number): Pick<BlobFinding, 'problem' | 'detail'> {
  return { problem: 'wrong_size', detail: `it has ${found} bytes instead of ${size}` };
}

function problemOf(error: unknown): Pick<BlobFinding, 'problem' | 'detail'> {
  if (CallfsError.is(error, 'FILE_NOT_FOUND')) return { problem: 'missing', detail: 'the backend does not have it' };
  const damage = damageIn(error);
  if (damage !== undefined) return { problem: 'damaged', detail: damage };
  if (!CallfsError.is(error)) throw error;
  return { problem: 'unreadable', detail: error.message };
}
