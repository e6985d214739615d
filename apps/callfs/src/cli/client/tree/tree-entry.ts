import type { Readable } from 'node:stream';
import type { EpochNs } from '@callfs/core';

/** One file, directory or symbolic link of a tree that is being copied. */
export interface TreeEntry {
  /** Below the root of the tree; none for the root itself. */
  readonly names: readonly string[];
  /** A `hardlink` is another name of a file that came before it. */
  readonly type: 'file' | 'directory' | 'symlink' | 'hardlink';
  readonly size: number;
  /** `07777`. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtimeNs: EpochNs;
  /** Of a symbolic link; of a hard link the path of the file, from the root of the tree. */
  readonly target?: string;
}

/** Where a tree comes from: a directory, a server, an archive. */
export interface TreeSource {
  /** How the tree is named in messages. */
  readonly name: string;
  /** Each entry's content has to be read, or destroyed, before the next entry is asked for. */
  readonly isSequential: boolean;
  /** Parents come before what is in them. What cannot be read is reported and left out. */
  entries(report: TreeReport): AsyncIterable<TreeEntry>;
  /** The content of a file. It fails when it is not what the source says it is. */
  open(entry: TreeEntry): Promise<Readable>;
}

/** Where a tree goes. Each method rejects when its entry cannot be made, and others go on. */
export interface TreeSink {
  /** Takes one entry at a time. */
  readonly isSequential: boolean;
  /** Links come when all the rest is there, so that nothing is ever written through one of them. */
  readonly takesLinksLast: boolean;
  directory(entry: TreeEntry): Promise<void>;
  /** All or nothing: `content` may fail at its end. */
  file(entry: TreeEntry, content: Readable): Promise<void>;
  symlink(entry: TreeEntry): Promise<void>;
  /** Absent where no source has any. */
  hardlink?(entry: TreeEntry): Promise<void>;
  /** What can only be set when everything is there: modes and times of directories. */
  settle(report: TreeReport): Promise<void>;
  /** Instead of `settle`, when the copy ends early: what is no use without the rest is taken away. */
  abandon?(): Promise<void>;
}

/** An entry failed in a way that nothing can follow. */
export class BrokenOff extends Error {
  constructor(cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

/** Hears of each entry that could not be copied. */
export type TreeReport = (names: readonly string[], error: unknown) => void;
