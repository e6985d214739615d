import { requireVerb, type UnixAuthorizer } from '@callfs/auth';
import { CallfsError, VirtualPath, type Content, type Inode, type Replica } from '@callfs/core';
import type { MetadataStore } from '@callfs/metadata';
import { type CommitGuard } from '@callfs/metadata';
import type { StorageProviders } from '@callfs/storage';
import type { Caller } from './caller';
import type { Collector } from './collector';
import type { CommitRunner } from './commit-runner';
import { type Plan } from './commit-runner';
import type { DirectoriesService } from './directories.service';
import type { FaultPoints } from './fault-points';
import type { Existing } from './located';
import type { PathResolver } from './path-resolver';
import { followsAtEnd } from './path-resolver';
import { checkCondition } from './precondition';
import { rootStays } from './removals.service';
import type { ClusterNodes } from './replication/cluster-nodes';
import type { ContentCopier } from './replication/content-copier';
import { type BlobPlace } from './replication/content-copier';
import { isSamePlace } from './replication/replica-places';
import type { WriteCondition } from './write-condition';
import type { WriteOutcome } from './write-outcome';

/** Where bytes are to be from now on; what is not named stays as it is. */
export interface WantedPlace {
  readonly backend?: string;
  readonly instance?: string;
}

export interface RelocationOptions {
  readonly follow: boolean;
  readonly condition?: WriteCondition;
}

type RelocationPlan = Plan & { existing: Existing };

/** Where a content belongs, and where its blob is to be for that. */
interface Goal {
  readonly place: { readonly backend: string; readonly instanceId: string };
  readonly blob: BlobPlace;
}

/** A file that is replaced again and again while its bytes move is left where it is. */
const MAX_ATTEMPTS = 5;

/**
 * Moves the bytes of files to another backend or node. Nothing else about a file changes, and readers notice nothing: its
 * content is copied, then belongs to the new place, and then the blob at the old one is left to the collector. A write that
 * comes in between wins.
 */
export class RelocationsService {
  constructor(
    /** How many blobs a content is to have (`storage.replicas`). */
    private readonly copies: number,
    private readonly store: MetadataStore,
    private readonly providers: StorageProviders,
    private readonly resolver: PathResolver,
    private readonly authorizer: UnixAuthorizer,
    private readonly directories: DirectoriesService,
    private readonly commits: CommitRunner,
    private readonly collector: Collector,
    private readonly copier: ContentCopier,
    private readonly nodes: ClusterNodes,
    private readonly faults: FaultPoints,
  ) {}

  /** `INVALID_REQUEST` for a backend that this node has not, `NODE_NOT_FOUND` for a node that nobody knows. */
  async refuseUnknown({ backend, instance }: WantedPlace): Promise<void> {
    if (backend !== undefined && !this.providers.has(backend)) {
      const known = this.providers.all().map(({ name }) => name);
      throw new CallfsError(
        'INVALID_REQUEST',
        `There is no backend ${JSON.stringify(backend)} on this node; it has ${known.join(', ')}.`,
        { details: { backends: known } },
      );
    }
    if (instance === undefined || instance === this.nodes.self) return;
    const known = await this.nodes.names();
    if (known.includes(instance)) return;
    throw new CallfsError('NODE_NOT_FOUND', `There is no node ${JSON.stringify(instance)}; there are ${known.join(', ')}.`, {
      details: { instances: known },
    });
  }

  /**
   * A file as a whole, or each file below a directory, one after the other; what cannot be moved ends it, and what was moved
   * by then stays moved. Judged as a write to each file, and as a listing of each directory.
   */
  async relocate(
    caller: Caller,
    path: VirtualPath,
    wanted: WantedPlace,
    options: RelocationOptions,
  ): Promise<Omit<WriteOutcome, 'created'>> {
    requireVerb(caller.identity, ['write'], path);
    await this.refuseUnknown(wanted);
    if (path.isRoot) throw rootStays();
    const { existing } = await this.plan(caller, path, options);
    const { type } = existing.inode;
    if (type === 'directory') await this.relocateTree(caller, existing, wanted);
    if (type === 'file') return this.relocateFile(caller, path, wanted, options);
    return existing;
  }

  private async relocateTree(caller: Caller, root: Existing, wanted: WantedPlace): Promise<void> {
    this.authorizer.list(caller.identity, root.inode, root.path);
    for await (const page of this.directories.pages(root)) {
      for (const { name, inode } of page) {
        const path = VirtualPath.ofNames([...root.path.names, name]);
        if (inode.type === 'directory') await this.relocateTree(caller, { ...root, path, inode }, wanted);
        else if (inode.type === 'file' && !this.isThere(inode, wanted))
          // What was moved or removed meanwhile is not below any more.
          await this.relocateFile(caller, path, wanted, { follow: false }).catch(unlessNotFound);
      }
    }
  }

  private async relocateFile(
    caller: Caller,
    path: VirtualPath,
    wanted: WantedPlace,
    options: RelocationOptions,
  ): Promise<Omit<WriteOutcome, 'created'>> {
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
      const { existing } = await this.plan(caller, path, options);
      const { content } = existing.inode;
      if (!content || this.isThere(existing.inode, wanted)) return existing;
      const moved = await this.moveContent(caller, path, content, wanted, options);
      if (moved) return moved;
    }
    throw new CallfsError('CONFLICT', 'The file keeps being replaced while its bytes are moved; try again.');
  }

  /** Nothing when the file has another content by now, or its content another blob where its bytes are to be. */
  private async moveContent(
    caller: Caller,
    path: VirtualPath,
    content: Content,
    wanted: WantedPlace,
    options: RelocationOptions,
  ): Promise<Omit<WriteOutcome, 'created'> | undefined> {
    const { identity, signal, requestId } = caller;
    const { blob } = this.goalOf(content, wanted);
    const isCopied = !content.inline && !blobAt(content.replicas, blob);
    const staged = isCopied
      ? await this.copier.stage(content, blob, { signal, actingFor: { user: identity.user, requestId } })
      : undefined;
    if (staged) this.faults.reached('staged');
    const compared = await this.compareBefore(caller, content, blob);
    let isTaken = false;
    const plan = () => this.plan(caller, path, options);
    const commit = async ({ existing }: RelocationPlan, guard: CommitGuard) => {
      const now = existing.inode.content;
      if (now?.id !== content.id) return undefined;
      let { replicas } = now;
      let sure = isTaken ? staged : compared;
      if (staged && !blobAt(replicas, blob)) {
        isTaken = true;
        await this.copier.add(now, staged, guard);
        replicas = [...replicas, staged];
        sure = staged;
        this.faults.reached('copied');
      }
      return this.settleAt(existing, { ...now, replicas }, sure, wanted, guard);
    };
    try {
      const moved = await this.commits.run(caller, { operation: 'relocate', plan, commit });
      if (moved) this.collector.wake();
      return moved;
    } finally {
      if (staged && !isTaken) await this.copier.discard(staged);
    }
  }

  /**
   * A blob that is at its new place already is read before another is given up for it: under the lock that would take too long.
   * Resolves to the one that was found sound.
   */
  private async compareBefore(
    { signal, identity, requestId }: Caller,
    content: Content,
    place: BlobPlace,
  ): Promise<Replica | undefined> {
    const there = blobAt(content.replicas, place);
    if (!there || content.replicas.length <= this.copies) return undefined;
    await this.copier.makeSure(content, there, { signal, actingFor: { user: identity.user, requestId } });
    return there;
  }

  /**
   * The content belongs to its new place; of its other blobs as many go as are too many, that at the old place first. Nothing
   * when they would go for another blob than the one whose bytes were compared, or there is none at that place any more.
   */
  private async settleAt(
    existing: Existing,
    content: Content,
    sure: Replica | undefined,
    wanted: WantedPlace,
    guard: CommitGuard,
  ): Promise<Omit<WriteOutcome, 'created'> | undefined> {
    const { replicas } = content;
    const { place, blob } = this.goalOf(content, wanted);
    const there = blobAt(replicas, blob);
    const before = this.blobPlaceOf(content.backend, content.instanceId);
    const others = replicas.filter((replica) => !isSamePlace(replica, blob));
    const oldFirst = [
      ...others.filter((each) => isSamePlace(each, before)),
      ...others.filter((each) => !isSamePlace(each, before)),
    ];
    const drop = oldFirst.slice(0, Math.max(0, replicas.length - this.copies));
    if (!there && !content.inline) return undefined;
    if (there && drop.length > 0) {
      if (there.key !== sure?.key) return undefined;
      // It may have been read long ago.
      await this.copier.makeSureThere(content, there);
    }
    await this.store.changeReplicas(content.id, { drop, place }, guard);
    const left = replicas.filter((replica) => !drop.includes(replica));
    const moved = { ...content, ...place, replicas: left };
    return { path: existing.path, inode: { ...existing.inode, content: moved } };
  }

  private async plan(caller: Caller, path: VirtualPath, { follow, condition }: RelocationOptions): Promise<RelocationPlan> {
    const existing = await this.resolver.existing(caller.identity, path, { follow: followsAtEnd(path, { follow }) });
    if (existing.inode.type === 'file') this.authorizer.write(caller.identity, existing.inode, existing.path);
    checkCondition(caller.identity, condition, existing.inode, existing.path);
    return { lockNames: [existing.path.toString()], existing };
  }

  private isThere({ content }: Inode, wanted: WantedPlace): boolean {
    if (!content) return true;
    const { place, blob } = this.goalOf(content, wanted);
    const belongs = content.backend === place.backend && content.instanceId === place.instanceId;
    return belongs && (content.inline || blobAt(content.replicas, blob) !== undefined);
  }

  /**
   * What is not named stays. But a node that is named alone is to have the bytes, so they leave a backend that belongs to
   * no node for the disk of that one.
   */
  private goalOf(content: Content, { backend, instance }: WantedPlace): Goal {
    const stays = instance === undefined || !this.isShared(content.backend);
    const place = {
      backend: backend ?? (stays ? content.backend : this.ownDisk()),
      instanceId: instance ?? content.instanceId,
    };
    return { place, blob: this.blobPlaceOf(place.backend, place.instanceId) };
  }

  private blobPlaceOf(backend: string, instanceId: string): BlobPlace {
    return { backend, instanceId: this.isShared(backend) ? '' : instanceId };
  }

  private isShared(backend: string): boolean {
    return this.providers.has(backend) && this.providers.get(backend).isShared;
  }

  private ownDisk(): string {
    return this.providers.all().find(({ isShared }) => !isShared)?.name ?? this.providers.default.name;
  }
}

function blobAt(replicas: readonly Replica[], place: BlobPlace): Replica | undefined {
  return replicas.find((replica) => isSamePlace(replica, place));
}

function unlessNotFound(error: unknown): void {
  if (!CallfsError.is(error, 'FILE_NOT_FOUND')) throw error;
}
