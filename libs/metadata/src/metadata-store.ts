import {
  CallfsError,
  type AccessAttributes,
  type Content,
  type ContentId,
  type Credentials,
  type DirectoryEntry,
  type EpochNs,
  type FileType,
  type Inode,
  type InodeId,
  type Replica,
} from '@callfs/core';
import { KEY_HOLDERS } from './key-holders';
import type { MetadataTables, TableStatement } from './metadata-tables';
import type { Principal, PrincipalRequest } from './principal';
import type { ContentPath, MetadataFault, RepairOutcome, VerifyOptions } from './verification/metadata-fault';

/** What a path led to: `inodes[0]` is `/`, `inodes[i]` what the first `i` names lead to. */
export interface Resolution {
  /** Ends where a name is missing, or after the first inode that is not a directory. */
  readonly inodes: readonly Inode[];
  /** The bytes of the last inode's content when they were asked for, all names led to it and it is inline; else null. */
  readonly data: Buffer | null;
}

/** One inode of a path as the caller was judged by it. */
export interface PathStep extends AccessAttributes {
  readonly id: InodeId;
}

/**
 * A path as it was when the caller was authorised: `steps[0]` is `/`, `steps[i]` what the first `i` names led to.
 * A commit goes through only if the same names still lead to the same inodes with the same access attributes;
 * otherwise it is a `CONFLICT` and changes nothing. So permissions are judged outside and hold inside.
 */
export interface AuthorisedPath {
  readonly names: readonly string[];
  readonly steps: readonly PathStep[];
}

export interface NewAttributes extends AccessAttributes {
  /** Both now, when not given. */
  readonly atimeNs?: EpochNs;
  readonly mtimeNs?: EpochNs;
}

/** A directory to make on the way to a new name. */
export interface NewDirectory extends AccessAttributes {
  readonly name: string;
}

/** Where a new name comes to stand: `missing` directories are made below `directory`, in order, then the name in the last. */
export interface NewName {
  readonly directory: AuthorisedPath;
  readonly missing: readonly NewDirectory[];
  readonly name: string;
}

/** A content whose bytes are durable already, or come with the commit. */
export interface NewContent {
  readonly size: number;
  readonly sha256: string;
  readonly backend: string;
  readonly instanceId: string;
  /** The bytes themselves when they are kept inline; then `replicas` is empty. */
  readonly data: Buffer | null;
  readonly replicas: readonly Replica[];
}

/** The content that another file has; a copy shares it. `CONFLICT` when it is gone. */
export interface SharedContent {
  readonly copyOf: ContentId;
}

export interface AttributeChanges {
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly atimeNs?: EpochNs;
  readonly mtimeNs?: EpochNs;
  readonly contentType?: string | null;
}

/** An inode that must still be at `path`, in this version. */
export interface Target {
  readonly path: AuthorisedPath;
  readonly version: number;
}

/** The rule by which the store refuses a whole tree inside the transaction: `PERMISSION_DENIED` with `details.path` below it. */
export interface TreeAccess {
  readonly caller: Credentials;
  /** `remove`: read, write and search on each directory that holds something, and its sticky bit; `copy`: read and search on directories, read on files. */
  readonly action: 'remove' | 'copy';
}

/** How the copies of a tree are owned: mode is the source's `0777` without `umask`, with `directoryBits` added to directories. */
export interface CopyAttributes {
  readonly uid: number;
  readonly gid: number;
  readonly umask: number;
  readonly directoryBits: number;
}

/** Proof of a lock: refused with `STALE_LOCK` when a higher fence was raised for one of its names. */
export interface CommitGuard {
  readonly lockNames: readonly string[];
  readonly fence: number;
  /**
   * Notes in a table beside the tree, in the same transaction, that the commit was made: what is to happen once does.
   * One that answers with no row (`RETURNING`) refuses the commit with `STALE_LOCK`.
   */
  readonly receipt?: TableStatement;
}

export type SortKey = 'name' | 'size' | 'mtime';

/** Where a page ends and the next begins: the sort value (absent when sorting by name) and the name. */
export interface ListPosition {
  readonly value?: bigint;
  readonly name: string;
}

export interface ListQuery {
  readonly directory: InodeId;
  readonly sort: SortKey;
  readonly order: 'asc' | 'desc';
  readonly limit: number;
  readonly after?: ListPosition;
  readonly type?: FileType;
}

export interface CondemnOptions {
  /** Nobody can commit them any more: they are forgotten with the blobs. So are blobs that a content had and lost. */
  readonly isSpent?: boolean;
}

/** Where the blobs of a content are from now on. */
export interface ReplicaChange {
  /** Blobs that are durable and belong to nobody yet. */
  readonly add?: readonly Replica[];
  /** Blobs that are left to the collector, after their grace. */
  readonly drop?: readonly Replica[];
  /** The backend and node that the content belongs to from now on. */
  readonly place?: { readonly backend: string; readonly instanceId: string };
}

export interface ContentsQuery {
  /** Contents with a higher number; 0 for the first page. */
  readonly after: ContentId;
  readonly limit: number;
  /** Only those with fewer blobs than this. */
  readonly fewerReplicasThan?: number;
}

export interface MetadataStatistics {
  readonly files: number;
  readonly directories: number;
  readonly inlineBytes: number;
  readonly blobBytes: number;
}

/** Which store this is. */
export interface StoreIdentity {
  /** 32 hexadecimal digits, made at random with the database: the same for all its nodes, and in what a dump of it is loaded into. */
  readonly id: string;
  /** The store of which this one was loaded as a copy: the blobs that came with it are that one's. */
  readonly copyOf: string | null;
}

/** Told of every call, for the metrics: what it was and how long it took. */
export type QueryObserver = (operation: string, seconds: number) => void;

/**
 * The tree: inodes, names and contents. One call is one transaction, durable when it resolves; each is all or
 * nothing. `CONFLICT` says that what the caller read has changed: read again, judge again, try again. Names are
 * compared and sorted by their UTF-8 bytes. Every failure of the engine is `METADATA_UNAVAILABLE` with its cause.
 * Everything a call has acknowledged is seen by every later `resolve` and `list`, on every node.
 */
export abstract class MetadataStore {
  /** `sqlite` or `postgres`. */
  abstract readonly name: string;

  /** The tables beside the tree. */
  abstract readonly tables: MetadataTables;

  /** Walks `names` from the root in one round trip; symbolic links are not followed. */
  abstract resolve(names: readonly string[], options?: { data?: boolean }): Promise<Resolution>;

  /** The same when it can be told at once, out of memory that is known to be current; `undefined` when it cannot. */
  resolveNow?(names: readonly string[], options?: { data?: boolean }): Resolution | undefined;

  /** The bytes of an inline content; `FILE_NOT_FOUND` when it is gone. */
  abstract readInline(content: ContentId): Promise<Buffer>;

  /** One page of a directory, by keyset; fewer than `limit` entries only on the last. Empty when the directory is gone. */
  abstract list(query: ListQuery): Promise<DirectoryEntry[]>;

  /** `CONFLICT` when the name exists. */
  abstract createFile(
    at: NewName,
    attributes: NewAttributes,
    content: NewContent | SharedContent,
    contentType: string | null,
    guard?: CommitGuard,
  ): Promise<Inode>;

  /** `CONFLICT` when the name exists. */
  abstract createDirectory(at: NewName, attributes: NewAttributes, guard?: CommitGuard): Promise<Inode>;

  /** `CONFLICT` when the name exists. */
  abstract createSymlink(at: NewName, attributes: NewAttributes, target: string, guard?: CommitGuard): Promise<Inode>;

  /** Gives a file new content, in place: the inode stays, `mtime` and `ctime` are now unless `changes` say otherwise. */
  abstract replaceContent(
    target: Target,
    content: NewContent | SharedContent,
    changes: AttributeChanges,
    guard?: CommitGuard,
  ): Promise<Inode>;

  abstract setAttributes(target: Target, changes: AttributeChanges, guard?: CommitGuard): Promise<Inode>;

  /** A file, a link or an empty directory. `DIRECTORY_NOT_EMPTY`. */
  abstract remove(target: Target, guard?: CommitGuard): Promise<void>;

  /** A directory with everything below it, at once for every reader. `PERMISSION_DENIED` by `access` (none: no check). */
  abstract removeTree(target: Target, access: TreeAccess | null, guard?: CommitGuard): Promise<void>;

  /**
   * rename(2): the inode keeps its number, `replaced` is what must stand at the new name (null: nothing). A file
   * replaces a file or link, a directory an empty directory; the caller has judged that. `DIRECTORY_NOT_EMPTY`.
   */
  abstract move(
    source: Target,
    to: NewName,
    replaced: { id: InodeId; version: number } | null,
    guard?: CommitGuard,
  ): Promise<Inode>;

  /** Copies a directory and everything below it to a name that must not exist, sharing contents: no bytes move. */
  abstract copyTree(
    source: Target,
    to: NewName,
    attributes: CopyAttributes,
    access: TreeAccess | null,
    guard?: CommitGuard,
  ): Promise<Inode>;

  /** A number above every one given or raised before (on any node). */
  abstract nextFence(): Promise<number>;

  /** From here on no commit whose guard names one of these locks with a fence given before goes through. */
  abstract raiseFence(lockNames: readonly string[]): Promise<void>;

  /** Deletes up to `limit` rows of removed trees; resolves to how many there were (0: nothing left to do). */
  abstract reap(limit: number): Promise<number>;

  /** Blobs that no content refers to and whose time has come, oldest first, on these instances (`''`: shared backends). */
  abstract collectable(now: EpochNs, limit: number, instanceIds: readonly string[]): Promise<Replica[]>;

  /**
   * Leaves those of `blobs` that nothing here knows to the collector; resolves to them. A key is never given twice: one that
   * is known as another node's is known, for its blob lies where that node's name was changed. From then on a commit that would
   * refer to one of them is refused (`BACKEND_UNAVAILABLE`), and its time comes when no commit before can be under way. One
   * that was sent before may come later than the blob is gone, so it is refused for some time after (`Graces.lateCommitMs`).
   */
  abstract condemn(blobs: readonly Replica[], options?: CondemnOptions): Promise<Replica[]>;

  /**
   * Collectable blobs are gone: forget them. Others are left alone. What was condemned and may still be committed is
   * remembered until that is over, and then collectable once more: whatever came under its key goes as well.
   */
  abstract forget(blobs: readonly Replica[]): Promise<void>;

  /**
   * Moves, adds and drops blobs of a content; the files that have it and its entity tag stay as they are. `CONFLICT` when
   * the content or one of `drop` is gone, one of `add` is there already, or no blob would be left. What is dropped goes
   * before what is added comes, so a blob can be replaced by another in its place.
   */
  abstract changeReplicas(content: ContentId, change: ReplicaChange, guard?: CommitGuard): Promise<void>;

  /** One page of the contents that are kept in blobs, by number. */
  abstract contents(query: ContentsQuery): Promise<Content[]>;

  /** Those of `keys` that are known on this backend and instance, those that wait for collection included. */
  abstract knownKeys(backend: string, instanceId: string, keys: readonly string[]): Promise<Set<string>>;

  /** Those of `keys` that contents and uploads have on this backend, under whichever node's name. */
  abstract heldKeys(backend: string, keys: readonly string[]): Promise<Replica[]>;

  abstract principals(): Promise<Principal[]>;

  /**
   * Makes sure that these users and groups exist and resolves to all of them. A number that is not asked for is
   * chosen once (from 1000) and kept. `INVALID_REQUEST` when a name or number is taken by another.
   */
  abstract ensurePrincipals(wanted: readonly PrincipalRequest[]): Promise<Principal[]>;

  async identity(): Promise<StoreIdentity> {
    const [row] = await this.tables.read<StoreIdentity>('store', 'SELECT id, copy_of AS "copyOf" FROM store');
    if (row) return row;
    throw new CallfsError('METADATA_UNAVAILABLE', 'The metadata does not say which store it is. Restore a backup of it.');
  }

  /** Whether a copy of a store has made this place its own. */
  async hasAdopted(backend: string, instanceId: string): Promise<boolean> {
    const sql = 'SELECT 1 AS adopted FROM adopted_place WHERE backend = ? AND instance_id = ?';
    return (await this.tables.read('store', sql, backend, instanceId)).length > 0;
  }

  async adopt(backend: string, instanceId: string): Promise<void> {
    const sql = 'INSERT INTO adopted_place (backend, instance_id) VALUES (?, ?) ON CONFLICT DO NOTHING';
    await this.tables.write('store', sql, backend, instanceId);
  }

  /** Whether anything that is known on this backend and instance is in use. */
  async hasBlobsIn(backend: string, instanceId: string): Promise<boolean> {
    const held = KEY_HOLDERS.map((table) => `EXISTS (SELECT 1 FROM ${table} WHERE backend = ? AND instance_id = ?)`);
    const parameters = KEY_HOLDERS.flatMap(() => [backend, instanceId]);
    return (await this.tables.read('store', `SELECT 1 AS held WHERE ${held.join(' OR ')}`, ...parameters)).length > 0;
  }

  abstract statistics(): Promise<MetadataStatistics>;

  /** Every fault of the tree as it was at one moment, found in bounded memory and without holding up others. */
  abstract verify(options?: VerifyOptions): AsyncIterable<MetadataFault>;

  /**
   * Mends one fault in a transaction of its own, if it is still there. Nothing that anybody stored is given up for it: what
   * has lost its place is put into `/lost+found`, and what cannot be put right is left as it is.
   */
  abstract repair(fault: MetadataFault): Promise<RepairOutcome>;

  /** The paths that lead to contents, at most 1000. Takes time: the whole tree is searched, without holding up others. */
  abstract pathsOf(contents: readonly ContentId[]): Promise<ContentPath[]>;

  /** Resolves when the engine answers; `METADATA_UNAVAILABLE` when it does not. */
  abstract ping(): Promise<void>;

  /** Waits for the transactions under way and lets go of the engine. */
  abstract close(): Promise<void>;
}
