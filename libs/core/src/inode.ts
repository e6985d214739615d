import type { EpochNs } from './timestamp';

export type FileType = 'file' | 'directory' | 'symlink';

/** The number of an inode; a safe integer, never used twice. */
export type InodeId = number;

/** The number of a content; a safe integer, never used twice. Contents are immutable, so it is their identity. */
export type ContentId = number;

export const ROOT_INODE: InodeId = 1;

/** What decides access to an inode: what `chmod` and `chown` change and nothing else does. */
export interface AccessAttributes {
  /** Permission bits with setuid, setgid and sticky (`07777`); the type is kept apart. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

/** Where a blob of a content is kept. */
export interface Replica {
  readonly backend: string;
  /** The node whose backend it is; empty for a backend that all nodes share. */
  readonly instanceId: string;
  /** The opaque key under which the backend has it. */
  readonly key: string;
}

/** The bytes of a file, or of several that are copies of each other. Immutable once committed. */
export interface Content {
  readonly id: ContentId;
  /** Bytes. */
  readonly size: number;
  /** SHA-256 of the bytes, 64 lower-case hexadecimal digits. */
  readonly sha256: string;
  /** The backend and node that the content belongs to, be its bytes inline or blobs. */
  readonly backend: string;
  readonly instanceId: string;
  /** Whether the bytes are in the metadata itself (`storage.inline_max_bytes`). */
  readonly inline: boolean;
  /** Empty when inline. */
  readonly replicas: readonly Replica[];
}

/** One row of the inode table, with its content when it is a file. */
export interface Inode extends AccessAttributes {
  readonly id: InodeId;
  readonly type: FileType;
  /** Bytes of a file; length in bytes of a symbolic link's target; 0 for a directory. */
  readonly size: number;
  /** 1 for files and links; 2 and one for each subdirectory for directories. */
  readonly nlink: number;
  readonly atimeNs: EpochNs;
  readonly mtimeNs: EpochNs;
  readonly ctimeNs: EpochNs;
  /** Grows by at least one with every change of the row. */
  readonly version: number;
  readonly content: Content | null;
  readonly contentType: string | null;
  /** Of a symbolic link, as it was written. */
  readonly target: string | null;
}

/** A name in a directory and what it stands for. */
export interface DirectoryEntry {
  readonly name: string;
  readonly inode: Inode;
}
