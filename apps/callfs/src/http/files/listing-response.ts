import { Injectable } from '@nestjs/common';
import type { VirtualPath } from '@callfs/core';
import type { FastifyReply } from 'fastify';
import type { Caller } from '../../use-cases/caller';
import { DirectoriesService } from '../../use-cases/directories.service';
import { ListingService, type ListedEntry, type ListingOptions, type ListingStream } from '../../use-cases/listing.service';
import type { Existing } from '../../use-cases/located';
import { sendEmpty, sendJson, sendStream } from '../respond';
import { SYMLINK_MEDIA_TYPE } from './create-request';
import { EntryViews } from './entry-view';
import { FileFields } from './file-fields';

const PLAIN: ListingOptions = { recursive: false, maxDepth: 0, sort: 'name', order: 'asc' };

/** Sends the entries of directories, a page at a time, however many there are. */
@Injectable()
export class ListingResponse {
  constructor(
    private readonly directories: DirectoriesService,
    private readonly listings: ListingService,
    private readonly views: EntryViews,
    private readonly fields: FileFields,
  ) {}

  /** GET and HEAD of a directory as a path: a JSON array of all its entries, by name. */
  async sendArray(caller: Caller, path: VirtualPath, found: Existing, reply: FastifyReply): Promise<void> {
    const headers = { 'Content-Type': 'application/json', ...this.fields.ofInode(found.inode) };
    // A length is unknown until the last entry is read, so HEAD has none either.
    if (reply.request.method === 'HEAD') return sendEmpty(reply, 200, headers);
    await this.directories.open(caller, path);
    return sendStream(reply, 200, headers, this.array(caller, (await this.listings.stream(caller, path, PLAIN)).pieces));
  }

  /** GET and HEAD of a symbolic link that is not to be followed: the body that would make it. */
  sendLink({ inode }: Existing, reply: FastifyReply): void {
    sendJson(reply, 200, { target: inode.target }, { 'Content-Type': SYMLINK_MEDIA_TYPE, ...this.fields.ofInode(inode) });
  }

  /** The same entries as lines of JSON, for any number of them; a line at the end counts the directories that were left out. */
  async sendLines(
    caller: Caller,
    path: VirtualPath,
    options: ListingOptions,
    part: { readonly limit?: number; readonly cursor?: string },
    reply: FastifyReply,
  ): Promise<void> {
    const listing = await this.listings.stream(caller, path, options, part);
    return sendStream(reply, 200, { 'Content-Type': 'application/x-ndjson' }, this.lines(caller, listing));
  }

  private async *array(caller: Caller, pages: AsyncIterable<ListedEntry[]>): AsyncGenerator<Buffer> {
    let before = '[';
    for await (const page of pages) {
      yield Buffer.from(before + page.map((entry) => this.json(caller, entry)).join(','));
      before = ',';
    }
    yield Buffer.from(before === '[' ? '[]' : ']');
  }

  private async *lines(caller: Caller, { pieces, skipped }: ListingStream): AsyncGenerator<Buffer> {
    for await (const piece of pieces) yield Buffer.from(piece.map((entry) => `${this.json(caller, entry)}\n`).join(''));
    if (skipped() > 0) yield Buffer.from(`{"skipped":${skipped()}}\n`);
  }

  private json(caller: Caller, { path, inode }: ListedEntry): string {
    return this.views.json(caller.identity, path, inode);
  }
}
