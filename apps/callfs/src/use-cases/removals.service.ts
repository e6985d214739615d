import { Inject, Injectable } from '@nestjs/common';
import { requireVerb, UnixAuthorizer } from '@callfs/auth';
import { CallfsError, isSuperuser, type VirtualPath } from '@callfs/core';
import { MetadataStore, type CommitGuard } from '@callfs/metadata';
import type { Caller } from './caller';
import { Collector } from './collector';
import { CommitRunner, type Plan } from './commit-runner';
import { authorised, type Existing } from './located';
import { FILE_OPERATION_OBSERVER, type FileOperationObserver } from './observers';
import { PathResolver } from './path-resolver';
import { checkCondition } from './precondition';
import type { WriteCondition } from './write-condition';

export interface RemovalOptions {
  /** Removes a directory with everything below it, at once for every reader. */
  readonly recursive: boolean;
  readonly condition?: WriteCondition;
}

type RemovalPlan = Plan & { existing: Existing };

/** Removing names: files, links and directories. */
@Injectable()
export class RemovalsService {
  constructor(
    private readonly store: MetadataStore,
    private readonly resolver: PathResolver,
    private readonly authorizer: UnixAuthorizer,
    private readonly commits: CommitRunner,
    private readonly collector: Collector,
    @Inject(FILE_OPERATION_OBSERVER) private readonly observe: FileOperationObserver,
  ) {}

  /** unlink(2) and rmdir(2); with `recursive`, `rm -r` that removes all or nothing. `DIRECTORY_NOT_EMPTY`. */
  async remove(caller: Caller, path: VirtualPath, options: RemovalOptions): Promise<void> {
    const plan = () => this.plan(caller, path, options);
    const commit = async ({ existing }: RemovalPlan, guard: CommitGuard) => {
      const { inode } = existing;
      const target = { path: authorised(existing), version: inode.version };
      if (inode.type === 'directory' && options.recursive) {
        const access = isSuperuser(caller.identity) ? null : ({ caller: caller.identity, action: 'remove' } as const);
        await this.store.removeTree(target, access, guard);
      } else {
        await this.store.remove(target, guard);
      }
      return inode;
    };
    const removed = await this.commits.run(caller, { operation: 'delete', plan, commit });
    this.observe('delete', removed.content?.backend ?? 'none');
    this.collector.wake();
  }

  private async plan(caller: Caller, path: VirtualPath, options: RemovalOptions): Promise<RemovalPlan> {
    requireVerb(caller.identity, ['delete'], path);
    if (path.isRoot) throw rootStays();
    const existing = await this.resolver.existing(caller.identity, path, { follow: false });
    this.authorizer.remove(caller.identity, existing.parent, existing.inode, existing.path);
    checkCondition(caller.identity, options.condition, existing.inode, existing.path);
    return { lockNames: [existing.path.toString()], existing };
  }
}

/** `/` takes attribute changes only. */
export function rootStays(): CallfsError {
  return new CallfsError('INVALID_REQUEST', '"/" cannot be removed, moved, copied over or replaced.');
}
