import { Controller, Get, Req, Res } from '@nestjs/common';
import type { FileType } from '@callfs/core';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Caller } from '../../use-cases/caller';
import { ListingService, type ListingOptions } from '../../use-cases/listing.service';
import { queryOf, type Query } from '../request-target';
import { sendJson } from '../respond';
import { callerOf, pathOf } from './caller';
import { EntryViews } from './entry-view';
import { ListDocs } from './file-docs';
import { ListingResponse } from './listing-response';
import { choice, flag, integer } from './query-values';

const TYPES: readonly FileType[] = ['file', 'directory', 'symlink'];
const DEFAULT_DEPTH = 100;
const MAX_DEPTH = 1000;
const DEFAULT_LIMIT = 1000;
const MAX_LIMIT = 10_000;
const MAX_STREAMED = 1_000_000_000;

/** `GET /v1/directories/{path}`: listings in pages, sorted and filtered, of a directory or a tree. */
@Controller()
export class DirectoriesController {
  constructor(
    private readonly listings: ListingService,
    private readonly views: EntryViews,
    private readonly responses: ListingResponse,
  ) {}

  @Get('v1/directories/*')
  @ListDocs()
  async list(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const caller = callerOf(request);
    const path = pathOf(request, '/v1/directories');
    const query = queryOf(request);
    const options = listingOptions(query);
    const cursor = query.get('cursor');
    if (acceptsLines(request)) {
      const limit = query.has('limit') ? integer(query, 'limit', 1, MAX_STREAMED, 1) : undefined;
      return this.responses.sendLines(caller, path, options, { limit, cursor }, reply);
    }
    const limit = integer(query, 'limit', 1, MAX_LIMIT, DEFAULT_LIMIT);
    const page = await this.listings.page(caller, path, options, limit, cursor);
    sendJson(reply, 200, {
      path: page.directory.path.toString(),
      type: 'directory',
      recursive: options.recursive,
      max_depth: options.maxDepth,
      count: page.items.length,
      items: this.viewsOf(caller, page.items),
      ...(page.nextCursor === undefined ? {} : { next_cursor: page.nextCursor }),
      ...(page.skipped > 0 ? { skipped: page.skipped } : {}),
    });
  }

  private viewsOf(
    caller: Caller,
    items: readonly { path: Parameters<EntryViews['view']>[1]; inode: Parameters<EntryViews['view']>[2] }[],
  ) {
    return items.map(({ path, inode }) => this.views.view(caller.identity, path, inode));
  }
}

function listingOptions(query: Query): ListingOptions {
  const type = query.get('type') === undefined ? undefined : choice(query, 'type', TYPES, 'file');
  return {
    recursive: flag(query, 'recursive'),
    maxDepth: integer(query, 'max_depth', 0, MAX_DEPTH, DEFAULT_DEPTH),
    sort: choice(query, 'sort', ['name', 'size', 'mtime'], 'name'),
    order: choice(query, 'order', ['asc', 'desc'], 'asc'),
    type,
    glob: query.get('glob'),
  };
}

/** Named, and not only to say that it is not wanted (`q=0`). */
function acceptsLines({ headers }: FastifyRequest): boolean {
  return (headers.accept ?? '').split(',').some((range) => {
    const [type, ...parameters] = range.split(';').map((part) => part.trim().toLowerCase());
    return type === 'application/x-ndjson' && !parameters.some((parameter) => /^q=0(?:\.0*)?$/.test(parameter));
  });
}
