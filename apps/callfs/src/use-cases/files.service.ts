import { Inject, Injectable, Logger } from '@nestjs/common';
import { requireVerb, UnixAuthorizer, type Identity } from '@callfs/auth';
import {
  CallfsError,
  EXECUTE,
  mayAccess,
  READ,
  type ByteRange,
  type Content,
  type EpochNs,
  type Inode,
  type VirtualPath,
} from '@callfs/core';
import {
  MetadataStore,
  type AttributeChanges,
  type CommitGuard,
  type NewContent,
  type Resolution,
  type TableStatement,
} from '@callfs/metadata';
import type { BlobBody } from '@callfs/storage';
import type { Caller } from './caller';
import { CommitRunner, type Plan } from './commit-runner';
import { ContentStager, type StagedContent, type UploadBody } from './content-stager';
import { alreadyExists, isADirectory, saysDirectory } from './existing-errors';
import { FaultPoints } from './fault-points';
import { authorised, isExisting, type Existing, type Located } from './located';
import { NewNamePlanner, type PlannedName } from './new-name';
import { FILE_OPERATION_OBSERVER, type FileOperationObserver } from './observers';
import { parentNotADirectory } from './parent-errors';
import { asExisting, followsAtEnd, PathResolver } from './path-resolver';
import { checkCondition } from './precondition';
import { ReplicaReader } from './replica-reader';
import { ContentSpreader } from './replication/content-spreader';
import type { WriteCondition } from './write-condition';
import type { WriteOutcome } from './write-outcome';

/** What is to be true of a file that gets a new content. */
export interface WriteTerms {
  /** `create`: only a name that is not there (`FILE_ALREADY_EXISTS`); `put`: create or replace. */
  readonly mode: 'create' | 'put';
  readonly condition?: WriteCondition;
  /** Permission bits, exactly as they will be; the umask applies only when they are not given. */
  readonly permissions?: number;
  readonly mtimeNs?: EpochNs;
  readonly contentType: string | null;
  /** Commits with the content, see `CommitGuard`. */
  readonly receipt?: TableStatement;
}

/** A new content for a path, on its way in. */
export interface Upload extends WriteTerms {
  readonly body: UploadBody;
  /** Called once nothing speaks against the upload any more, before the body is read (`100 Continue`). */
  readonly accepted?: () => void;
}

/** A file that was found at once. */
export interface Quick {
  readonly inode: Inode;
  readonly content: Content;
  /** Of inline content, when it was asked for. */
  readonly data: Buffer | null;
}

type UploadPlan = Plan & { located: Located } & (
    { existing: Existing; changes: AttributeChanges; fresh?: never } | { existing?: never; fresh: PlannedName }
  );

/** Files: reading, creating, replacing. Everything a front end may ask about the bytes at a path. */
@Injectable()
export class FilesService {
  private readonly logger = new Logger(FilesService.name);

  constructor(
    private readonly store: MetadataStore,
    private readonly replicas: ReplicaReader,
    private readonly resolver: PathResolver,
    private readonly authorizer: UnixAuthorizer,
    private readonly stager: ContentStager,
    private readonly commits: CommitRunner,
    private readonly newNames: NewNamePlanner,
    private readonly spreader: ContentSpreader,
    private readonly faults: FaultPoints,
    @Inject(FILE_OPERATION_OBSERVER) private readonly observe: FileOperationObserver,
  ) {}

  /** What is at `path`, as stat(2) (`follow`) or lstat(2) tells: search permission on the way is enough. `FILE_NOT_FOUND`. */
  async stat(caller: Caller, path: VirtualPath, options: { follow: boolean } = { follow: true }): Promise<Existing> {
    this.authorizer.stat(caller.identity, path);
    return this.resolver.existing(caller.identity, path, { follow: followsAtEnd(path, options) });
  }

  /**
   * Finds what is at `path` for reading: judged as open(2) with `O_RDONLY` for a file; a directory is judged when it
   * is listed. A small file's bytes are in `data` already.
   */
  async open(caller: Caller, path: VirtualPath, options: { follow: boolean; data: boolean }): Promise<Existing> {
    this.authorizer.stat(caller.identity, path);
    const follow = followsAtEnd(path, options);
    const found = await this.resolver.existing(caller.identity, path, { ...options, follow });
    if (found.inode.type === 'file') this.authorizer.read(caller.identity, found.inode, found.path);
    return found;
  }

  /**
   * What `open` finds (or `stat`, without `data`) when it is a file that the caller may read, met without a symbolic link,
   * and all of it is at hand; `undefined` otherwise, also for what would be refused: then the ordinary way decides.
   */
  openNow(identity: Identity, path: VirtualPath, options: { data: boolean }): Quick | undefined {
    if (!mayBeQuick(identity, path)) return undefined;
    const found = this.store.resolveNow?.(path.names, options);
    return found && quickOf(identity, path, found);
  }

  /** The same where nothing is at hand before the store was asked; `undefined` when it is known at once to be of no use. */
  openSoon(identity: Identity, path: VirtualPath, options: { data: boolean }): Promise<Quick | undefined> | undefined {
    if (this.store.resolveNow || !mayBeQuick(identity, path)) return undefined;
    return this.store.resolve(path.names, options).then((found) => quickOf(identity, path, found));
  }

  /** The bytes of what `openNow` found, or of a part, when they are in memory; `undefined` otherwise. */
  readNow({ content, data }: Quick, range?: ByteRange): readonly Buffer[] | undefined {
    const { inline } = content;
    const bytes = inline ? data && [partOf(data, range)] : this.replicas.readNow(content, range);
    if (!bytes) return undefined;
    this.observe('read', content.backend);
    return bytes;
  }

  /** The bytes of what `open` found, or of a part; they are those of one version, whatever is written meanwhile. */
  async read(caller: Caller, found: Existing, range?: ByteRange): Promise<Buffer | BlobBody> {
    const content = found.inode.content;
    if (!content) throw new TypeError('only a file has content');
    this.observe('read', content.backend);
    if (content.inline) {
      const data = found.data ?? (await this.store.readInline(content.id));
      return partOf(data, range);
    }
    const { signal, requestId, identity } = caller;
    return this.replicas.read(content, { range, signal, actingFor: { user: identity.user, requestId } });
  }

  /**
   * Takes a body in and makes it the file's content, all or nothing: judged before the body is read, staged without
   * a lock, judged again and committed under it. Every condition of the API's table for POST and PUT.
   */
  async write(caller: Caller, path: VirtualPath, upload: Upload): Promise<WriteOutcome> {
    const first = await this.planUpload(caller, path, upload);
    this.stager.refuseTooLarge(upload.body.size);
    upload.accepted?.();
    const staged = await this.stager.stage(upload.body);
    return this.commitStaged(caller, path, upload, staged, first);
  }

  /** The same with bytes that are staged already. They are settled, or discarded, with it. */
  async adopt(caller: Caller, path: VirtualPath, terms: WriteTerms, staged: StagedContent): Promise<WriteOutcome> {
    return this.commitStaged(caller, path, terms, staged, await this.judge(caller, path, terms, staged.content.size));
  }

  /** Refuses now what `write` would refuse of so many bytes; it judges again itself. */
  async judge(caller: Caller, path: VirtualPath, terms: WriteTerms, size: number): Promise<UploadPlan> {
    const plan = await this.planUpload(caller, path, terms);
    this.stager.refuseTooLarge(size);
    return plan;
  }

  /** `PAYLOAD_TOO_LARGE`. */
  refuseTooLarge(size: number): void {
    this.stager.refuseTooLarge(size);
  }

  private async commitStaged(
    caller: Caller,
    path: VirtualPath,
    terms: WriteTerms,
    taken: StagedContent,
    first: UploadPlan,
  ): Promise<WriteOutcome> {
    const staged = this.spreader.concerns(taken) ? await this.spreader.spread(taken, caller) : taken;
    this.faults.reached('staged');
    // Then nobody but the sweep may take it, which asks the metadata.
    let mayBeCommitted = false;
    try {
      const plan = () => this.planUpload(caller, path, terms);
      const commit = async (planned: UploadPlan, guard: CommitGuard) => {
        mayBeCommitted = true;
        try {
          return await this.commitUpload(caller, planned, staged.content, terms, guard);
        } catch (error) {
          mayBeCommitted = !isRefusal(error);
          throw error;
        }
      };
      const outcome = await this.commits.run(caller, { operation: terms.mode, plan, commit }, first);
      this.afterwards(staged.settle(), 'settle');
      this.observe(outcome.created ? 'create' : 'update', staged.content.backend);
      return outcome;
    } catch (error) {
      if (mayBeCommitted) this.afterwards(staged.settle(), 'leave');
      else this.afterwards(staged.discard(), 'discard');
      throw error;
    }
  }

  private async planUpload(caller: Caller, path: VirtualPath, terms: WriteTerms): Promise<UploadPlan> {
    const { identity } = caller;
    requireVerb(identity, ['write'], path);
    if (path.isRoot) throw isADirectory(path);
    if (path.saysDirectory) throw saysDirectory(path);
    // As open(2): O_EXCL takes a symbolic link for what exists, O_CREAT alone goes where it leads.
    const located = await this.resolver.resolve(identity, path, { follow: terms.mode === 'put' }).catch(parentNotADirectory);
    const name = located.path.toString();
    const lockNames = [name];
    // Of a symbolic link on the way the commit knows nothing.
    const isCompared = name === path.toString();
    if (!isExisting(located)) {
      const fresh = this.newNames.plan(identity, located);
      checkCondition(identity, terms.condition, null, located.path);
      return { lockNames, isCompared, located, fresh };
    }
    const existing = asExisting(located);
    const { inode } = existing;
    if (terms.mode === 'create') throw alreadyExists(existing);
    if (inode.type === 'directory') throw isADirectory(located.path);
    this.authorizer.write(identity, inode, located.path);
    checkCondition(identity, terms.condition, inode, located.path);
    return { lockNames, isCompared, located, existing, changes: this.replacementChanges(caller, inode, terms, located.path) };
  }

  private async commitUpload(
    caller: Caller,
    plan: UploadPlan,
    content: NewContent,
    terms: WriteTerms,
    held: CommitGuard,
  ): Promise<WriteOutcome> {
    const { path } = plan.located;
    const guard = { ...held, receipt: terms.receipt };
    if (plan.existing) {
      const { inode } = plan.existing;
      const target = { path: authorised(plan.existing), version: inode.version };
      return { path, inode: await this.store.replaceContent(target, content, plan.changes, guard), created: false };
    }
    const attributes = this.authorizer.newFileAttributes(caller.identity, plan.fresh.directory, terms.permissions);
    const stamped = { ...attributes, mtimeNs: terms.mtimeNs };
    const inode = await this.store.createFile(plan.fresh.at, stamped, content, terms.contentType, guard);
    return { path, inode, created: true };
  }

  private replacementChanges(caller: Caller, inode: Inode, terms: WriteTerms, path: VirtualPath): AttributeChanges {
    const { identity } = caller;
    const changes: { mode?: number; mtimeNs?: EpochNs; contentType: string | null } = { contentType: terms.contentType };
    const written = this.authorizer.modeAfterWrite(identity, inode);
    if (written !== inode.mode) changes.mode = written;
    if (terms.permissions !== undefined) changes.mode = this.authorizer.chmod(identity, inode, terms.permissions, path);
    if (terms.mtimeNs !== undefined) {
      this.authorizer.utimes(identity, inode, path);
      changes.mtimeNs = terms.mtimeNs;
    }
    return changes;
  }

  private afterwards(work: Promise<void>, what: string): void {
    work.catch((error: unknown) => this.logger.warn({ err: error }, `could not ${what} a staged blob; recovery will`));
  }
}

/** Whether the metadata has said that nothing was changed. */
function isRefusal(error: unknown): boolean {
  return CallfsError.is(error) && error.code !== 'METADATA_UNAVAILABLE';
}

function partOf(data: Buffer, range?: ByteRange): Buffer {
  return range ? data.subarray(range.offset, range.offset + range.length) : data;
}

function mayBeQuick({ scope }: Identity, path: VirtualPath): boolean {
  return !path.saysDirectory && (!scope || (scope.verbs.includes('read') && path.isWithin(scope.path)));
}

function quickOf(identity: Identity, { names }: VirtualPath, { inodes, data }: Resolution): Quick | undefined {
  const inode = inodes[names.length];
  if (!inode?.content || !mayAccess(identity, inode, READ)) return undefined;
  for (let depth = 0; depth < names.length; depth++) if (!mayAccess(identity, inodes[depth] as Inode, EXECUTE)) return undefined;
  return { inode, content: inode.content, data };
}
