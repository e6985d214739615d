import type { ContentId, InodeId } from '@callfs/core';

/** Each thing that can be wrong with the metadata, in the order in which it is looked for and mended. */
export const FAULT_KINDS = {
  dangling_name: 'a name leads to an inode that does not exist',
  misplaced_name: 'a name stands in something that is no directory, or leads to "/"',
  named_twice: 'an inode has more than one name',
  unnamed_inode: 'an inode has no name',
  unreachable_directory: 'a directory cannot be reached from "/"',
  wrong_link_count: 'the link count is wrong',
  missing_content: 'a file refers to a content that does not exist',
  wrong_reference_count: 'the count of references to a content is wrong',
  wrong_size: 'the size of an inode is not that of its content or target',
  missing_blob: 'a content is neither inline nor in any blob',
  wrong_inline_size: 'the inline bytes are missing or not as many as they should be',
  wrong_inline_digest: 'the inline bytes do not have their SHA-256',
  stray_replica: 'a blob is recorded for a content that does not exist or is inline',
  collected_in_use: 'a blob waits for collection although a content refers to it',
  shared_key: 'more than one content refers to the same blob',
  stray_removal: 'a removed tree does not exist or still has a name',
  wrong_total: 'a running total is not what there is',
} as const;

export type FaultKind = keyof typeof FAULT_KINDS;

/** Something wrong with the metadata, with what is needed to find it again. */
export interface MetadataFault {
  readonly kind: FaultKind;
  readonly inode?: InodeId;
  /** Of a name: the directory it is in. */
  readonly parent?: InodeId;
  /** Of a name, or of a total. */
  readonly name?: string;
  readonly content?: ContentId;
  readonly backend?: string;
  readonly instance_id?: string;
  readonly key?: string;
  readonly found?: number;
  readonly expected?: number;
}

/** `repaired`; `gone`: it is no longer so; `kept`: it cannot be put right without losing something, so it was left alone. */
export type RepairOutcome = 'repaired' | 'gone' | 'kept';

export interface VerifyOptions {
  /** Also reads all inline bytes and compares their SHA-256. */
  readonly content?: boolean;
}

/** A path that leads to a content. */
export interface ContentPath {
  readonly content: ContentId;
  readonly path: string;
}
