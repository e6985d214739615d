import { Injectable } from '@nestjs/common';
import type { Identity } from '@callfs/auth';
import { formatRfc3339, type FileType, type Inode, type VirtualPath } from '@callfs/core';
import { entryEtagOf } from '../../use-cases/etag';
import { mayKnowContent } from '../../use-cases/may-know-content';
import { PrincipalNames } from '../../use-cases/principal-names';
import { Placement } from './placement';

/** An entry as the API shows it. */
export interface EntryView {
  readonly name: string;
  readonly path: string;
  readonly type: FileType;
  readonly size: number;
  readonly mode: string;
  readonly uid: number;
  readonly gid: number;
  readonly owner: string;
  readonly group: string;
  readonly mtime: string;
  readonly atime: string;
  readonly ctime: string;
  /** Null for a file that the caller may not read: a tag tells something of the bytes. */
  readonly etag: string | null;
  readonly nlink: number;
  readonly backend: string;
  readonly instance_id: string;
  readonly target?: string;
}

/** `0644`: the permission bits as `chmod` takes them. */
export function octalMode(mode: number): string {
  return mode.toString(8).padStart(4, '0');
}

/** Shows inodes as entries of the API. */
@Injectable()
export class EntryViews {
  constructor(
    private readonly principals: PrincipalNames,
    private readonly placement: Placement,
  ) {}

  view(identity: Identity, path: VirtualPath, inode: Inode): EntryView {
    const { backend, instanceId } = this.placement.of(inode);
    return {
      name: path.name,
      path: path.toString(),
      type: inode.type,
      size: inode.size,
      mode: octalMode(inode.mode),
      uid: inode.uid,
      gid: inode.gid,
      owner: this.principals.userName(inode.uid),
      group: this.principals.groupName(inode.gid),
      mtime: formatRfc3339(inode.mtimeNs),
      atime: formatRfc3339(inode.atimeNs),
      ctime: formatRfc3339(inode.ctimeNs),
      etag: mayKnowContent(identity, inode) ? entryEtagOf(inode) : null,
      nlink: inode.nlink,
      backend,
      instance_id: instanceId,
      ...(inode.target === null ? {} : { target: inode.target }),
    };
  }

  /** `JSON.stringify` of the view, for a third of the time: long listings are made of it. */
  json(identity: Identity, path: VirtualPath, inode: Inode): string {
    const { backend, instanceId } = this.placement.of(inode);
    const etag = mayKnowContent(identity, inode) ? JSON.stringify(entryEtagOf(inode)) : 'null';
    const { type, size, uid, gid, nlink, mtimeNs, atimeNs, ctimeNs, target } = inode;
    const mtime = formatRfc3339(mtimeNs);
    const atime = atimeNs === mtimeNs ? mtime : formatRfc3339(atimeNs);
    const ctime = ctimeNs === mtimeNs ? mtime : formatRfc3339(ctimeNs);
    return (
      `{"name":${quoted(path.name)},"path":${quoted(path.toString())},"type":"${type}","size":${size},"mode":"${octalMode(inode.mode)}",` +
      `"uid":${uid},"gid":${gid},"owner":${quoted(this.principals.userName(uid))},"group":${quoted(this.principals.groupName(gid))},` +
      `"mtime":"${mtime}","atime":"${atime}","ctime":"${ctime}","etag":${etag},"nlink":${nlink},` +
      `"backend":${quoted(backend)},"instance_id":${quoted(instanceId)}${target === null ? '' : `,"target":${quoted(target)}`}}`
    );
  }
}

const NEEDS_NO_ESCAPE = /^[ !#-[\]-~]*$/;

function quoted(text: string): string {
  return NEEDS_NO_ESCAPE.test(text) ? `"${text}"` : JSON.stringify(text);
}
