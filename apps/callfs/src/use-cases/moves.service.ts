import { Inject, Injectable } from '@nestjs/common';
import { requireVerb, UnixAuthorizer, type Identity } from '@callfs/auth';
import { CallfsError, type VirtualPath } from '@callfs/core';
import { MetadataStore, type CommitGuard, type NewName } from '@callfs/metadata';
import type { Caller } from './caller';
import { Collector } from './collector';
import { CommitRunner, type Plan } from './commit-runner';
import { refuseDanglingLink } from './dangling-link';
import { alreadyExists, isADirectory } from './existing-errors';
import { authorised, authorisedParent, isExisting, type Existing, type Located } from './located';
import { NewNamePlanner } from './new-name';
import { FILE_OPERATION_OBSERVER, type FileOperationObserver } from './observers';
import { parentNotADirectory } from './parent-errors';
import { asExisting, asFound, notFound, PathResolver } from './path-resolver';
import { rootStays } from './removals.service';
import { checkCondition } from './precondition';
import { RelocationsService, type WantedPlace } from './relocations.service';
import type { WriteCondition } from './write-condition';
import type { WriteOutcome } from './write-outcome';

export interface MoveOptions {
  /** Replace what stands at the destination, as rename(2) does. */
  readonly overwrite: boolean;
  readonly createParents: boolean;
  /** Where the bytes are to be: they are moved before the name is. */
  readonly place?: WantedPlace;
  readonly condition?: WriteCondition;
}

type MovePlan = Plan & { source: Existing; path: VirtualPath; to: NewName | null; replaced: Existing | null };

/** Renaming and moving: one row changes, however much lies below. */
@Injectable()
export class MovesService {
  constructor(
    private readonly store: MetadataStore,
    private readonly resolver: PathResolver,
    private readonly authorizer: UnixAuthorizer,
    private readonly newNames: NewNamePlanner,
    private readonly commits: CommitRunner,
    private readonly collector: Collector,
    private readonly relocations: RelocationsService,
    @Inject(FILE_OPERATION_OBSERVER) private readonly observe: FileOperationObserver,
  ) {}

  /** rename(2), symbolic links at either end taken as themselves. Every condition of the API's table for PATCH. */
  async move(caller: Caller, source: VirtualPath, destination: VirtualPath, options: MoveOptions): Promise<WriteOutcome> {
    const plan = () => this.plan(caller, source, destination, options);
    if (options.place) {
      await plan();
      await this.relocations.relocate(caller, source, options.place, { follow: false, condition: options.condition });
    }
    const commit = async (planned: MovePlan, guard: CommitGuard): Promise<WriteOutcome> => {
      const { path, to, replaced } = planned;
      const { inode } = planned.source;
      if (!to) return { path, inode, created: false };
      const target = { path: authorised(planned.source), version: inode.version };
      const over = replaced && { id: replaced.inode.id, version: replaced.inode.version };
      return { path, inode: await this.store.move(target, to, over, guard), created: !replaced };
    };
    const outcome = await this.commits.run(caller, { operation: 'rename', plan, commit });
    this.observe('rename', outcome.inode.content?.backend ?? 'none');
    this.collector.wake();
    return outcome;
  }

  private async plan(caller: Caller, from: VirtualPath, to: VirtualPath, options: MoveOptions): Promise<MovePlan> {
    const { identity } = caller;
    requireVerb(identity, ['delete'], from);
    requireVerb(identity, ['write'], to);
    if (from.isRoot || to.isRoot) throw rootStays();
    // In the order of rename(2): both parents are walked to before either name is looked up.
    const origin = await this.resolver.lookUp(identity, from, { follow: false });
    if (origin.missing.length > 1) throw notFound(from);
    const located = await this.resolver.resolve(identity, to, { follow: false }).catch(parentNotADirectory);
    const source = asFound(origin, from);
    const lockNames = [...new Set([source.path.toString(), located.path.toString()])];
    if (!isExisting(located)) {
      this.refuseImpossible(source, located, to, options);
      const { at, directory } = this.newNames.plan(identity, located);
      this.authorizer.rename(identity, { ...source, to: located.path, directory, replaced: null });
      this.judgeNewParent(identity, source, at);
      checkCondition(identity, options.condition, source.inode, source.path);
      return { lockNames, source, path: located.path, to: at, replaced: null };
    }
    const replaced = asExisting(located);
    if (replaced.inode.id === source.inode.id) {
      this.refuseImpossible(source, located, to, options);
      checkCondition(identity, options.condition, source.inode, source.path);
      return { lockNames, source, path: source.path, to: null, replaced: null };
    }
    if (!options.overwrite) throw alreadyExists(replaced);
    this.refuseImpossible(source, located, to, options);
    if (source.inodes.some(({ id }) => id === replaced.inode.id)) throw notEmpty(replaced.path);
    const at = { directory: authorisedParent(replaced), missing: [], name: replaced.path.name };
    this.authorizer.rename(identity, { ...source, to: located.path, directory: replaced.parent, replaced: replaced.inode });
    if (source.inode.type === 'directory' && replaced.inode.type !== 'directory') throw directoryOverFile(replaced.path);
    if (source.inode.type !== 'directory' && replaced.inode.type === 'directory') throw isADirectory(replaced.path);
    this.judgeNewParent(identity, source, at);
    checkCondition(identity, options.condition, source.inode, source.path);
    return { lockNames, source, path: located.path, to: at, replaced };
  }

  private judgeNewParent(identity: Identity, source: Existing, to: NewName): void {
    if (source.inode.type !== 'directory' || isSameDirectory(source, to)) return;
    this.authorizer.reparent(identity, source.inode, source.path);
  }

  private refuseImpossible(source: Existing, located: Located, to: VirtualPath, options: MoveOptions): void {
    if (located.missing.length > 1 && !options.createParents) {
      const parent = located.path.parent.toString();
      const message = `${parent} does not exist; make it first, or send "create_parents": true.`;
      throw new CallfsError('INVALID_REQUEST', message, { details: { missing_parent: parent } });
    }
    refuseDanglingLink(located);
    const isDirectory = source.inode.type === 'directory';
    const above = isExisting(located) ? located.inodes.slice(0, -1) : located.inodes;
    if (isDirectory && above.some(({ id }) => id === source.inode.id)) throw intoItself(source.path);
    if (!isDirectory && to.saysDirectory) {
      throw new CallfsError('INVALID_REQUEST', `The destination ends in "/", but ${source.path.toString()} is not a directory.`);
    }
  }
}

function isSameDirectory(source: Existing, to: NewName): boolean {
  return to.missing.length === 0 && to.directory.steps.at(-1)?.id === source.parent.id;
}

function intoItself(path: VirtualPath): CallfsError {
  return new CallfsError('INVALID_REQUEST', `${path.toString()} cannot be moved into itself.`);
}

function notEmpty(path: VirtualPath): CallfsError {
  const message = `${path.toString()} holds what is to be moved, so it cannot be replaced by it.`;
  return new CallfsError('DIRECTORY_NOT_EMPTY', message, { details: { path: path.toString() } });
}

function directoryOverFile(path: VirtualPath): CallfsError {
  const message = `${path.toString()} is not a directory, so a directory cannot replace it.`;
  return new CallfsError('PARENT_NOT_A_DIRECTORY', message, { details: { path: path.toString() } });
}
