import { Injectable } from '@nestjs/common';
import { CallfsError, type Content, type Replica } from '@callfs/core';
import { MetadataStore } from '@callfs/metadata';
import { StorageProviders, type StorageProvider } from '@callfs/storage';
import type { BlobOwnership } from '../blob-ownership';
import { Collector } from '../collector';
import type { BlobAdoption } from './blob-adoption';
import type { BlobAudit, BlobFinding } from './blob-audit';
import type { BlobRepair } from './blob-repair';
import { faultFinding, findingOf, orphanFinding, strangerFinding, type FsckFinding } from './fsck-finding';
import type { OrphanSearch } from './orphan-search';
import type { OtherNodes } from './other-nodes';
import { together } from './together';

export interface FsckOptions {
  /** Puts right what can be without losing anything. */
  readonly repair: boolean;
  /** Reads every byte and compares it with what was committed. */
  readonly verifyContent: boolean;
  /** `node`: only the blobs that belong to this node; `all`: everything, what is on other nodes by asking them. */
  readonly scope: 'all' | 'node';
  /** Whoever asked looks for the paths himself. */
  readonly withoutPaths?: boolean;
}

export interface FsckSummary {
  readonly event: 'summary';
  readonly findings: number;
  readonly repaired: number;
  /** What is wrong still. */
  readonly remaining: number;
  readonly blobs: number;
  /** Blobs of nodes that were not asked, or could not be: only they can look at them. */
  readonly elsewhere: number;
  /** Whether everything that was to be looked at could be. */
  readonly complete: boolean;
}

export type FsckEvent = FsckFinding | { readonly event: 'progress'; readonly blobs: number } | CheckFailed | FsckSummary;

/** Something could not be looked at, which says nothing of how it is. */
export interface CheckFailed {
  readonly event: 'failed';
  /** `all` when a node could not be asked. */
  readonly backend: string;
  /** Whose it is; empty for what all nodes share. */
  readonly instance_id: string;
  readonly message: string;
}

/** What one node tells of what is its own to look at. */
interface Told {
  readonly node: string;
  readonly event: FsckEvent;
}

/** Blobs by node. */
type Counts = Map<string, number>;

const PAGE = 500;
/** Blobs whose presence is asked for at the same time. */
const AT_ONCE = 16;
/** To find the paths of a content the whole tree is searched: done for the first ones, which tell what is going on. */
const PATHS_FOR = 50;

/**
 * Compares the metadata with itself and with the blobs, while everything goes on: each finding was true when it was made,
 * and is looked at again before anything is done about it. Every node looks at the blobs on its own disk, this one also at
 * those that all share; one that cannot be asked is told of, and nothing is said of its blobs.
 */
@Injectable()
export class FsckService {
  constructor(
    private readonly store: MetadataStore,
    private readonly providers: StorageProviders,
    private readonly audit: BlobAudit,
    private readonly mending: BlobRepair,
    private readonly adoption: BlobAdoption,
    private readonly search: OrphanSearch,
    private readonly ownership: BlobOwnership,
    private readonly collector: Collector,
    private readonly instanceId: string,
    /** A node that does not run asks nobody. */
    private readonly others?: OtherNodes,
  ) {}

  async *run(options: FsckOptions): AsyncGenerator<FsckEvent> {
    const sum = { findings: 0, repaired: 0, remaining: 0, complete: true };
    const looked: Counts = new Map();
    const elsewhere: Counts = new Map();
    const answered = new Set<string>();
    for await (const { node, event } of this.told(options, elsewhere)) {
      if (event.event === 'summary') {
        looked.set(node, event.blobs);
        answered.add(node);
      } else if (event.event === 'progress') {
        looked.set(node, event.blobs);
        yield { event: 'progress', blobs: total(looked) };
      } else if (event.event === 'failed') {
        sum.complete = false;
        yield event;
      } else {
        sum.findings++;
        if (event.state === 'repaired') sum.repaired++;
        else sum.remaining++;
        yield options.withoutPaths ? event : await this.withPaths(event, sum.findings);
      }
    }
    for (const node of answered) elsewhere.delete(node);
    yield { event: 'summary', ...sum, blobs: total(looked), elsewhere: total(elsewhere) };
  }

  /** The nodes work at the same time: each has its own disk. */
  private async *told(options: FsckOptions, elsewhere: Counts): AsyncGenerator<Told> {
    const { others, instanceId } = this;
    const mine = (events: AsyncIterable<FsckEvent>) => toldBy(instanceId, events);
    if (options.scope === 'all') yield* mine(this.checkMetadata(options));
    if (options.scope === 'node' || !others) {
      yield* mine(this.checkOwn(options, elsewhere));
      return;
    }
    const names = await others.names();
    const asked = names.map((name) => toldBy(name, ask(others, name, options)));
    yield* together<Told>([mine(this.checkOwn(options, elsewhere)), ...asked]);
    for (const [name, blobs] of elsewhere) {
      if (name === '' || name === instanceId || names.includes(name)) continue;
      yield { node: name, event: unasked(name, `No node of this name is registered, and ${blobs} blobs are on its disk.`) };
    }
  }

  private async *checkOwn(options: FsckOptions, elsewhere: Counts): AsyncGenerator<FsckEvent> {
    // What is made anew goes where this node would write; where it would not, nothing is (a disk that is not mounted).
    const untouched = new Set<string>();
    for (const provider of options.repair ? this.providers.all() : []) {
      try {
        await this.ownership.moveIn(provider);
      } catch (error) {
        yield this.failedOn(provider, error);
        untouched.add(provider.name);
      }
    }
    yield* this.checkBlobs(options, elsewhere, untouched);
    for (const name of options.scope === 'all' ? [this.instanceId, ''] : [this.instanceId]) {
      const blobs = elsewhere.get(name);
      if (!blobs) continue;
      yield unasked(name, `${blobs} blobs are in a backend that this node does not have. Configure it, or ask one that has it.`);
    }
    for (const provider of this.providers.all()) {
      if (untouched.has(provider.name) || (provider.isShared && options.scope === 'node')) continue;
      try {
        yield* this.checkOrphans(provider.name, options);
      } catch (error) {
        yield this.failedOn(provider, error);
      }
    }
    if (options.repair) this.collector.wake();
  }

  private failedOn(provider: StorageProvider, error: unknown): FsckEvent {
    if (!CallfsError.is(error)) throw error;
    const { backend, instanceId } = this.search.placeOf(provider);
    return { event: 'failed', backend, instance_id: instanceId, message: error.message };
  }

  private async *checkMetadata({ repair, verifyContent }: FsckOptions): AsyncGenerator<FsckEvent> {
    for await (const fault of this.store.verify({ content: verifyContent })) {
      const outcome = repair ? await this.store.repair(fault) : 'found';
      if (outcome !== 'gone') yield faultFinding(fault, outcome);
    }
  }

  private async *checkBlobs(options: FsckOptions, elsewhere: Counts, untouched: ReadonlySet<string>): AsyncGenerator<FsckEvent> {
    let blobs = 0;
    for (let after = 0, more = true; more;) {
      const contents = await this.store.contents({ after, limit: PAGE });
      const pairs = contents.flatMap((content) => content.replicas.map((replica) => ({ content, replica })));
      const ours = pairs.filter(({ replica }) => this.isOurs(replica, options.scope));
      for (const { replica } of pairs) if (!this.isOurs(replica, options.scope)) add(elsewhere, replica.instanceId);
      for (let at = 0; at < ours.length; at += AT_ONCE) {
        for (const finding of await this.judge(ours.slice(at, at + AT_ONCE), options.verifyContent))
          if (finding) yield await this.treat(finding, options, untouched);
        blobs += Math.min(AT_ONCE, ours.length - at);
      }
      yield { event: 'progress', blobs };
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

  private async treat(finding: BlobFinding, { repair }: FsckOptions, untouched: ReadonlySet<string>): Promise<FsckEvent> {
    const { problem, detail, replica } = finding;
    if (problem === 'unreadable') {
      const { backend, instanceId, key } = replica;
      return { event: 'failed', backend, instance_id: instanceId, message: `${key}: ${detail}` };
    }
    if (!repair) return findingOf(finding, 'found');
    const isRepaired = !untouched.has(replica.backend) && (await this.mending.repair(finding));
    return findingOf(finding, isRepaired ? 'repaired' : 'kept');
  }

  private async *checkOrphans(backend: string, { repair }: FsckOptions): AsyncGenerator<FsckEvent> {
    const provider = this.providers.get(backend);
    const standing = await this.ownership.judge(provider);
    if (!standing.isOurs) {
      const { instanceId } = this.search.placeOf(provider);
      yield { event: 'failed', backend, instance_id: instanceId, message: standing.message };
    }
    for await (const { orphans: unknown, strangers } of this.search.search(provider)) {
      const orphans = standing.isOurs ? unknown : [];
      const condemned = repair && orphans.length > 0 ? await this.store.condemn(orphans.map(({ replica }) => replica)) : [];
      const keys = new Set(condemned.map(({ key }) => key));
      for (const orphan of orphans)
        if (!repair || keys.has(orphan.replica.key)) yield orphanFinding(orphan, repair ? 'repaired' : 'found');
      for (const stranger of strangers) {
        const state = !repair ? 'found' : (await this.adoption.adopt(stranger)) ? 'repaired' : 'kept';
        yield strangerFinding(stranger, state);
      }
    }
  }

  private isOurs({ backend, instanceId }: Replica, scope: FsckOptions['scope']): boolean {
    if (instanceId === '') return scope === 'all' && this.providers.has(backend);
    return instanceId === this.instanceId && this.providers.has(backend);
  }

  private async withPaths(finding: FsckFinding, count: number): Promise<FsckFinding> {
    if (finding.content === undefined || count > PATHS_FOR) return finding;
    const paths = (await this.store.pathsOf([finding.content])).map(({ path }) => path);
    return { ...finding, paths };
  }
}

async function* ask(others: OtherNodes, name: string, options: FsckOptions): AsyncGenerator<FsckEvent> {
  try {
    yield* others.check(name, options);
  } catch (error) {
    if (!CallfsError.is(error)) throw error;
    yield unasked(name, error.message);
  }
}

async function* toldBy(node: string, events: AsyncIterable<FsckEvent>): AsyncGenerator<Told> {
  for await (const event of events) yield { node, event };
}

function unasked(instanceId: string, message: string): CheckFailed {
  return { event: 'failed', backend: 'all', instance_id: instanceId, message };
}

function add(counts: Counts, node: string): void {
  counts.set(node, (counts.get(node) ?? 0) + 1);
}

function total(counts: Counts): number {
  return [...counts.values()].reduce((sum, count) => sum + count, 0);
}
