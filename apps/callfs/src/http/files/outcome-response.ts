import { Injectable } from '@nestjs/common';
import type { Identity } from '@callfs/auth';
import { entryEtagOf } from '../../use-cases/etag';
import type { WriteOutcome } from '../../use-cases/write-outcome';
import { mayKnowContent } from '../../use-cases/may-know-content';
import type { Exchange } from '../exchange';
import { writeJsonText } from '../respond';
import { EntryViews } from './entry-view';

/** Answers who has made or replaced something: 201 with where it is, or 200, and the entry as it is now. */
@Injectable()
export class OutcomeResponse {
  constructor(private readonly views: EntryViews) {}

  send(exchange: Exchange, identity: Identity, { path, inode, created }: WriteOutcome): void {
    writeJsonText(exchange, created ? 201 : 200, this.views.json(identity, path, inode), {
      ETag: inode.content && mayKnowContent(identity, inode) ? entryEtagOf(inode) : undefined,
      Location: created ? `/v1/files${path.toUrl()}${inode.type === 'directory' ? '/' : ''}` : undefined,
    });
  }
}
