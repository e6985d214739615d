import { Injectable } from '@nestjs/common';
import { formatRfc3339, nsToMs, type Content, type Inode } from '@callfs/core';
import { etagOf } from '../../use-cases/etag';
import { PrincipalNames } from '../../use-cases/principal-names';
import type { Headers } from '../respond';
import { contentDisposition, isActiveContent } from '../semantics/content-disposition';
import { reprDigest } from '../semantics/digest-fields';
import { headerText } from '../semantics/header-text';
import { formatHttpDate } from '../semantics/http-date';
import { octalMode } from './entry-view';
import { Placement } from './placement';

/**
 * The header fields of GET and HEAD. A file's are made once for each state of its inode, as long as names stay what they
 * are: the metadata's cache hands out the same object until it changes.
 */
@Injectable()
export class FileFields {
  private made = new WeakMap<Inode, Headers>();
  private madeFor = 0;

  constructor(
    private readonly principals: PrincipalNames,
    private readonly placement: Placement,
  ) {}

  /** Another when what was made before may name owner or group in another way. */
  get version(): number {
    return this.principals.version;
  }

  /** Of any inode: what it is and whose. */
  ofInode(inode: Inode): Headers {
    const { backend, instanceId } = this.placement.of(inode);
    return {
      // Else a browser may take a file that has long been as it is for current without asking (RFC 9111 §4.2.2).
      'Cache-Control': 'no-cache',
      'Last-Modified': formatHttpDate(nsToMs(inode.mtimeNs)),
      'X-CallFS-Type': inode.type,
      'X-CallFS-Size': String(inode.size),
      'X-CallFS-Mode': octalMode(inode.mode),
      'X-CallFS-Owner': headerText(this.principals.userName(inode.uid)),
      'X-CallFS-Group': headerText(this.principals.groupName(inode.gid)),
      'X-CallFS-UID': String(inode.uid),
      'X-CallFS-GID': String(inode.gid),
      'X-CallFS-MTime': formatRfc3339(inode.mtimeNs),
      'X-CallFS-Instance-ID': headerText(instanceId),
      'X-CallFS-Backend-Type': backend,
    };
  }

  /** Of a file's whole content. */
  ofFile(inode: Inode, content: Content, name: string): Headers {
    if (this.madeFor !== this.version) {
      this.made = new WeakMap();
      this.madeFor = this.version;
    }
    const known = this.made.get(inode);
    if (known) return known;
    const active = isActiveContent(inode.contentType);
    const fields = {
      'Content-Type': inode.contentType ?? 'application/octet-stream',
      'Content-Length': content.size,
      ...this.ofInode(inode),
      ETag: etagOf(content),
      'Accept-Ranges': 'bytes',
      'Repr-Digest': reprDigest(content.sha256),
      ...(active ? { 'Content-Disposition': contentDisposition('attachment', name) } : {}),
    };
    // With a disposition the fields tell the name, and names change without their inode.
    if (!active) this.made.set(inode, fields);
    return fields;
  }
}
