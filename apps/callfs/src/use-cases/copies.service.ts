import { Inject, Injectable } from '@nestjs/common';
import { requireVerb, UnixAuthorizer } from '@callfs/auth';
import { CallfsError, isSuperuser, type VirtualPath } from '@callfs/core';
import { MetadataStore, type CommitGuard } from '@callfs/metadata';
import type { Caller } from './caller';
import { Collector } from './collector';
import { CommitRunner, type Plan } from './commit-runner';
import { refuseDanglingLink } from './dangling-link';
import { alreadyExists, isADirectory, saysDirectory } from './existing-errors';
import { authorised, isExisting, type Existing } from './located';
import { NewNamePlanner, type PlannedName } from './new-name';
import { FILE_OPERATION_OBSERVER, type FileOperationObserver } from './observers';
import { parentNotADirectory } from './parent-errors';
import { asExisting, PathResolver } from './path-resolver';
import { rootStays } from './removals.service';
import { checkCondition } from './precondition';
import type { WriteCondition } from './write-condition';
import type { WriteOutcome } from './write-outcome';

export interface CopyOptions {
  readonly recursive: boolean;
  /** Give an existing file the content of the source. */
  readonly overwrite: boolean;
  readonly condition?: WriteCondition;
}

type CopyPlan = Plan & { source: Existing; path: VirtualPath } & (
    { fresh: PlannedName; replaced?: never } | { fresh?: never; replaced: Existing }
  );

/** Copies share the content of their source until either is written: no bytes move, whatever the size. */
@Injectable()
export class CopiesService {
  constructor(
    private readonly store: MetadataStore,
    private readonly resolver: PathResolver,
    private readonly authorizer: UnixAuthorizer,
    private readonly newNames: NewNamePlanner,
    private readonly commits: CommitRunner,
    private readonly collector: Collector,
    @Inject(FILE_OPERATION_OBSERVER) private readonly observe: FileOperationObserver,
  ) {}

  /** `cp`, or `cp -r` that copies all or nothing; the copies are the caller's. Missing parents are made. */
  async copy(caller: Caller, source: VirtualPath, destination: VirtualPath, options: CopyOptions): Promise<WriteOutcome> {
    const plan = () => this.plan(caller, source, destination, options);
    const commit = (planned: CopyPlan, guard: CommitGuard) => this.commit(caller, planned, guard);
    const outcome = await this.commits.run(caller, { operation: 'copy', plan, commit });
    this.observe('copy', outcome.inode.content?.backend ?? 'none');
    if (!outcome.created) this.collector.wake();
    return outcome;
  }

  private async plan(caller: Caller, from: VirtualPath, to: VirtualPath, options: CopyOptions): Promise<CopyPlan> {
    const { identity } = caller;
    requireVerb(identity, ['read'], from);
    requireVerb(identity, ['write'], to);
    const source = await this.resolver.existing(identity, from, { follow: true });
    const isDirectory = source.inode.type === 'directory';
    if (isDirectory && !options.recursive) throw notRecursive(source.path);
    if (isDirectory) this.authorizer.copyTree(identity, source.inode, source.path);
    else this.authorizer.read(identity, source.inode, source.path);
    if (to.isRoot) throw rootStays();
    if (!isDirectory && to.saysDirectory) throw saysDirectory(to);
    const located = await this.resolver.resolve(identity, to, { follow: options.overwrite }).catch(parentNotADirectory);
    const lockNames = [located.path.toString()];
    if (!isExisting(located)) {
      refuseDanglingLink(located);
      if (isDirectory && located.path.isWithin(source.path)) throw intoItself(source.path);
      const fresh = this.newNames.plan(identity, located);
      checkCondition(identity, options.condition, null, located.path);
      return { lockNames, source, path: located.path, fresh };
    }
    const replaced = asExisting(located);
    if (!options.overwrite || isDirectory || replaced.inode.id === source.inode.id) throw alreadyExists(replaced);
    if (replaced.inode.type === 'directory') throw isADirectory(located.path);
    this.authorizer.write(identity, replaced.inode, located.path);
    checkCondition(identity, options.condition, replaced.inode, located.path);
    return { lockNames, source, path: located.path, replaced };
  }

  private async commit(caller: Caller, plan: CopyPlan, guard: CommitGuard): Promise<WriteOutcome> {
    const { identity } = caller;
    const { source, path, fresh, replaced } = plan;
    const { inode: from } = source;
    if (from.type === 'directory' && fresh) {
      const target = { path: authorised(source), version: from.version };
      const access = isSuperuser(identity) ? null : ({ caller: identity, action: 'copy' } as const);
      const attributes = this.authorizer.copyAttributes(identity, fresh.directory);
      return { path, inode: await this.store.copyTree(target, fresh.at, attributes, access, guard), created: true };
    }
    const content = { copyOf: contentOf(source) };
    if (fresh) {
      const attributes = this.authorizer.copiedFileAttributes(identity, fresh.directory, from.mode);
      return { path, inode: await this.store.createFile(fresh.at, attributes, content, from.contentType, guard), created: true };
    }
    const over = replaced;
    const mode = this.authorizer.modeAfterWrite(identity, over.inode);
    const changes = { contentType: from.contentType, ...(mode === over.inode.mode ? {} : { mode }) };
    const target = { path: authorised(over), version: over.inode.version };
    return { path, inode: await this.store.replaceContent(target, content, changes, guard), created: false };
  }
}

function contentOf({ inode }: Existing): number {
  if (!inode.content) throw new TypeError('only a file has content');
  return inode.content.id;
}

function notRecursive(path: VirtualPath): CallfsError {
  const message = `${path.toString()} is a directory; add "?recursive=true" to copy it with everything below it.`;
  return new CallfsError('IS_A_DIRECTORY', message, { details: { path: path.toString() } });
}

function intoItself(path: VirtualPath): CallfsError {
  return new CallfsError('INVALID_REQUEST', `${path.toString()} cannot be copied into itself.`);
}
