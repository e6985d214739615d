import { Injectable } from '@nestjs/common';
import { CallfsError, type Content, type Replica } from '@callfs/core';
import { MetadataStore } from '@callfs/metadata';
import { StorageProviders } from '@callfs/storage';
import { Collector } from '../collector';
import type { BlobAudit, BlobFinding } from './blob-audit';
import type { BlobRepair } from './blob-repair';
import { faultFinding, findingOf, orphanFinding, type FsckFinding } from './fsck-finding';
import type { OrphanSearch } from './orphan-search';

export interface FsckOptions {
  /** Puts right what can be without losing anything. */
  readonly repair: boolean;
  /** Reads every byte and compares it with what was committed. */
  readonly verifyContent: boolean;
  /** `node`: only the blobs that belong to this node, as part of a check of a cluster that another one does. */
  readonly scope: 'all' | 'node';
}

export interface FsckSummary {
  readonly event: 'summary';
  readonly findings: number;
  readonly repaired: number;
  /** What is wrong still. */
  readonly remaining: number;
  readonly blobs: number;
  /** Blobs of other nodes, which only those can look at. */
  readonly elsewhere: number;
  /** Whether everything that was to be looked at could be. */
  readonly complete: boolean;
}

export type FsckEvent =
  | FsckFinding
  | { readonly event: 'progress'; readonly blobs: number }
  | { readonly event: 'failed'; readonly backend: string; readonly message: string }
  | FsckSummary;

const PAGE = 500;
/** Blobs whose presence is asked for at the same time. */
const AT_ONCE = 16;
/** To find the paths of a content the whole tree is searched: done for the first ones, which tell what is going on. */
const PATHS_FOR = 50;

/**
 * Compares the metadata with itself and with the blobs that this node can reach, while everything goes on: each finding
 * was true when it was made, and is looked at again before anything is done about it.
 */
@Injectable()
export class FsckService {
  constructor(
    private readonly store: MetadataStore,
    private readonly providers: StorageProviders,
    private readonly audit: BlobAudit,
    private readonly mending: BlobRepair,
    private readonly search: OrphanSearch,
    private readonly collector: Collector,
    private readonly instanceId: string,
  ) {}

  async *run(options: FsckOptions): AsyncGenerator<FsckEvent> {
    const sum = { findings: 0, repaired: 0, remaining: 0, blobs: 0, elsewhere: 0, complete: true };
    for await (const event of this.phases(options, sum)) {
      if (event.event === 'failed') sum.complete = false;
      if (event.event !== 'finding') {
        yield event;
        continue;
      }
      sum.findings++;
      if (event.state === 'repaired') sum.repaired++;
      else sum.remaining++;
      yield await this.withPaths(event, sum.findings);
    }
    yield { event: 'summary', ...sum };
  }

  private async *phases(options: FsckOptions, sum: { blobs: number; elsewhere: number }): AsyncGenerator<FsckEvent> {
    if (options.scope === 'all') yield* this.checkMetadata(options);
    yield* this.checkBlobs(options, sum);
    for (const provider of this.providers.all()) {
      if (provider.isShared && options.scope === 'node') continue;
      try {
        yield* this.checkOrphans(provider.name, options);
      } catch (error) {
        if (!CallfsError.is(error)) throw error;
        yield { event: 'failed', backend: provider.name, message: error.message };
      }
    }
    if (options.repair) this.collector.wake();
  }

  private async *checkMetadata({ repair, verifyContent }: FsckOptions): AsyncGenerator<FsckEvent> {
    const { store } = this;
    if (!store.verify) {
      yield { event: 'failed', backend: store.name, message: 'The metadata cannot be checked on this engine.' };
      return;
    }
    for await (const fault of store.verify({ content: verifyContent })) {
      const outcome = repair ? ((await store.repair?.(fault)) ?? 'kept') : 'found';
      if (outcome !== 'gone') yield faultFinding(fault, outcome);
    }
  }

  private async *checkBlobs(options: FsckOptions, sum: { blobs: number; elsewhere: number }): AsyncGenerator<FsckEvent> {
    for (let after = 0, more = true; more;) {
      const contents = await this.store.contents({ after, limit: PAGE });
      const pairs = contents.flatMap((content) => content.replicas.map((replica) => ({ content, replica })));
      const ours = pairs.filter(({ replica }) => this.isOurs(replica, options.scope));
      sum.elsewhere += pairs.length - ours.length;
      for (let at = 0; at < ours.length; at += AT_ONCE) {
        for (const finding of await this.judge(ours.slice(at, at + AT_ONCE), options.verifyContent))
          if (finding) yield await this.treat(finding, options);
        sum.blobs += Math.min(AT_ONCE, ours.length - at);
      }
      yield { event: 'progress', blobs: sum.blobs };
      after = contents.at(-1)?.id ?? after;
      more = contents.length === PAGE;
    }
  }

  /** Presence is asked for many at once; what is read is read one after the other, so that others get their share of the disk. */
  private async judge(
    pairs: readonly { content: Content; replica: Replica }[],
    verifyContent: boolean,
  ): Promise<(BlobFinding | undefined)[]> {
    if (!verifyContent) return Promise.all(pairs.map(({ content, replica }) => this.audit.look(content, replica)));
    const findings: (BlobFinding | undefined)[] = [];
    for (const { content, replica } of pairs) findings.push(await this.audit.read(content, replica, () => Promise.resolve()));
    return findings;
  }

  private async treat(finding: BlobFinding, { repair }: FsckOptions): Promise<FsckEvent> {
    const { problem, detail, replica } = finding;
    if (problem === 'unreadable') return { event: 'failed', backend: replica.backend, message: `${replica.key}: ${detail}` };
    const state = repair ? ((await this.mending.repair(finding)) ? 'repaired' : 'kept') : 'found';
    return findingOf(finding, state);
  }

  private async *checkOrphans(backend: string, { repair }: FsckOptions): AsyncGenerator<FsckEvent> {
    for await (const { orphans } of this.search.search(this.providers.get(backend))) {
      const condemned = repair && orphans.length > 0 ? await this.store.condemn(orphans.map(({ replica }) => replica)) : [];
      const keys = new Set(condemned.map(({ key }) => key));
      for (const orphan of orphans)
        if (!repair || keys.has(orphan.replica.key)) yield orphanFinding(orphan, repair ? 'repaired' : 'found');
    }
  }

  private isOurs({ backend, instanceId }: Replica, scope: FsckOptions['scope']): boolean {
    if (instanceId === '') return scope === 'all' && this.providers.has(backend);
    return instanceId === this.instanceId && this.providers.has(backend);
  }

  private async withPaths(finding: FsckFinding, count: number): Promise<FsckFinding> {
    if (finding.content === undefined || count > PATHS_FOR) return finding;
    const paths = (await this.store.pathsOf?.([finding.content]))?.map(({ path }) => path);
    return { ...finding, paths };
  }
}
