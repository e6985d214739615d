import { Injectable } from '@nestjs/common';
import { requireVerb, UnixAuthorizer } from '@callfs/auth';
import { CallfsError, PATH_MAX_BYTES, VirtualPath } from '@callfs/core';
import { MetadataStore, type CommitGuard } from '@callfs/metadata';
import type { Caller } from './caller';
import { CommitRunner, type Plan } from './commit-runner';
import { alreadyExists } from './existing-errors';
import { isExisting } from './located';
import { NewNamePlanner, type PlannedName } from './new-name';
import { parentNotADirectory } from './parent-errors';
import { asExisting, PathResolver } from './path-resolver';
import { checkCondition } from './precondition';
import type { WriteCondition } from './write-condition';
import type { WriteOutcome } from './write-outcome';

type LinkPlan = Plan & { path: VirtualPath; fresh: PlannedName };

/** Symbolic links: a text in the metadata that leads anywhere in this filesystem and never out of it. */
@Injectable()
export class SymlinksService {
  constructor(
    private readonly store: MetadataStore,
    private readonly resolver: PathResolver,
    private readonly authorizer: UnixAuthorizer,
    private readonly newNames: NewNamePlanner,
    private readonly commits: CommitRunner,
  ) {}

  /** symlink(2): the target need not exist. `FILE_ALREADY_EXISTS`; `INVALID_PATH` for a target that could never be one. */
  async create(caller: Caller, path: VirtualPath, target: string, condition?: WriteCondition): Promise<WriteOutcome> {
    requireVerb(caller.identity, ['write'], path);
    const text = validTarget(target);
    const plan = async (): Promise<LinkPlan> => {
      const located = await this.resolver.resolve(caller.identity, path, { follow: false }).catch(parentNotADirectory);
      if (isExisting(located)) throw alreadyExists(asExisting(located));
      const fresh = this.newNames.plan(caller.identity, located);
      checkCondition(caller.identity, condition, null, located.path);
      return { lockNames: [located.path.toString()], path: located.path, fresh };
    };
    const commit = async (planned: LinkPlan, guard: CommitGuard): Promise<WriteOutcome> => {
      const attributes = this.authorizer.newSymlinkAttributes(caller.identity, planned.fresh.directory);
      const inode = await this.store.createSymlink(planned.fresh.at, attributes, text, guard);
      return { path: planned.path, inode, created: true };
    };
    return this.commits.run(caller, { operation: 'symlink', plan, commit });
  }
}

/** The target with each name in the form in which names are stored; `.`, `..` and slashes stay as they are. */
function validTarget(target: string): string {
  if (target === '') throw new CallfsError('INVALID_PATH', 'Invalid path: the target of a symbolic link is not empty.');
  const text = target
    .split('/')
    .map((name) => (name === '' || name === '.' || name === '..' ? name : VirtualPath.name(name)))
    .join('/');
  if (Buffer.byteLength(text) >= PATH_MAX_BYTES) {
    throw new CallfsError('INVALID_PATH', `Invalid path: the target is ${PATH_MAX_BYTES} bytes or longer.`);
  }
  return text;
}
