import type { Content, FileType, Inode, Replica } from '@callfs/core';

/** A content as the statements of both engines select it. */
export interface ContentRow {
  readonly content_id: number;
  readonly size: number;
  readonly kind: 'inline' | 'blob' | null;
  readonly sha256: string | null;
  readonly backend: string | null;
  readonly instance_id: string | null;
  /** JSON: `[[backend, instance_id, key], …]`. */
  readonly replicas: string | null;
}

/** An inode with its content as the statements of both engines select it. */
export interface InodeRow extends Omit<ContentRow, 'content_id'> {
  readonly id: number;
  readonly type: FileType;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly nlink: number;
  /** 64 bits, as text: drivers would round them. */
  readonly atime: string;
  readonly mtime: string;
  readonly ctime: string;
  readonly version: number;
  readonly content_type: string | null;
  readonly symlink_target: string | null;
  readonly content_id: number | null;
}

export function inodeOf(row: InodeRow): Inode {
  const { id, type, mode, uid, gid, size, nlink, version } = row;
  return {
    id,
    type,
    mode,
    uid,
    gid,
    size,
    nlink,
    atimeNs: BigInt(row.atime),
    mtimeNs: BigInt(row.mtime),
    ctimeNs: BigInt(row.ctime),
    version,
    content: row.content_id === null ? null : contentOf(row, row.content_id),
    contentType: row.content_type,
    target: row.symlink_target,
  };
}

/** The values of an `InodeRow` in the order in which SQLite's `INODE_COLUMNS` names them. */
export type InodeTuple = readonly [
  id: number,
  type: FileType,
  mode: number,
  uid: number,
  gid: number,
  size: number,
  nlink: number,
  atime: string,
  mtime: string,
  ctime: string,
  version: number,
  contentType: string | null,
  symlinkTarget: string | null,
  contentId: number | null,
  kind: InodeRow['kind'],
  sha256: string | null,
  backend: string | null,
  instanceId: string | null,
  replicas: string | null,
];

/** The inode with which a row begins. */
export function inodeOfTuple(values: InodeTuple | readonly [...InodeTuple, unknown]): Inode {
  return inodeOf({
    id: values[0],
    type: values[1],
    mode: values[2],
    uid: values[3],
    gid: values[4],
    size: values[5],
    nlink: values[6],
    atime: values[7],
    mtime: values[8],
    ctime: values[9],
    version: values[10],
    content_type: values[11],
    symlink_target: values[12],
    content_id: values[13],
    kind: values[14],
    sha256: values[15],
    backend: values[16],
    instance_id: values[17],
    replicas: values[18],
  });
}

export function contentOf(row: Omit<ContentRow, 'content_id'>, id: number): Content {
  return {
    id,
    size: row.size,
    sha256: row.sha256 ?? '',
    backend: row.backend ?? '',
    instanceId: row.instance_id ?? '',
    inline: row.kind === 'inline',
    replicas: row.replicas === null ? [] : (JSON.parse(row.replicas) as string[][]).map(replicaOf),
  };
}

function replicaOf([backend = '', instanceId = '', key = '']: string[]): Replica {
  return { backend, instanceId, key };
}
