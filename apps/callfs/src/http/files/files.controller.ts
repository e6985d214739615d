import { Controller, Delete, Get, Patch, Post, Put, Req, Res } from '@nestjs/common';
import { CallfsError, type VirtualPath } from '@callfs/core';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AttributesService } from '../../use-cases/attributes.service';
import type { Caller } from '../../use-cases/caller';
import { CopiesService } from '../../use-cases/copies.service';
import { DirectoriesService } from '../../use-cases/directories.service';
import { FilesService } from '../../use-cases/files.service';
import { MovesService } from '../../use-cases/moves.service';
import { RelocationsService } from '../../use-cases/relocations.service';
import { RemovalsService } from '../../use-cases/removals.service';
import { SymlinksService } from '../../use-cases/symlinks.service';
import type { WriteOutcome } from '../../use-cases/write-outcome';
import { Exchange } from '../exchange';
import { PublicUrl } from '../public-url';
import { readJsonBody } from '../json-body';
import { queryOf } from '../request-target';
import { sendEmpty, sendJson } from '../respond';
import { writeCondition } from '../semantics/conditions';
import { copySource, parseMode } from '../semantics/upload-headers';
import { callerOf, pathOf } from './caller';
import { withConflictDetails } from './conflict-details';
import { readDirectoryRequest, readSymlinkRequest, SYMLINK_MEDIA_TYPE } from './create-request';
import { EntryViews } from './entry-view';
import { DeleteDocs, GetDocs, PatchDocs, PostDocs, PutDocs } from './file-docs';
import { FileResponse } from './file-response';
import { ListingResponse } from './listing-response';
import { OutcomeResponse } from './outcome-response';
import { readPatch } from './patch-request';
import { Placement } from './placement';
import { flag } from './query-values';
import { readUpload, refuseTus } from './upload-request';

const PREFIX = '/v1/files';

/** `/v1/files/{path}`: turns requests into use cases and their outcomes into answers, and decides nothing itself. */
@Controller()
export class FilesController {
  constructor(
    private readonly files: FilesService,
    private readonly directories: DirectoriesService,
    private readonly removals: RemovalsService,
    private readonly moves: MovesService,
    private readonly relocations: RelocationsService,
    private readonly copies: CopiesService,
    private readonly attributes: AttributesService,
    private readonly symlinks: SymlinksService,
    private readonly fileResponse: FileResponse,
    private readonly listingResponse: ListingResponse,
    private readonly views: EntryViews,
    private readonly outcomes: OutcomeResponse,
    private readonly placement: Placement,
    private readonly url: PublicUrl,
  ) {}

  /** Fastify routes HEAD here as well. */
  @Get('v1/files/*')
  @GetDocs()
  async get(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const caller = callerOf(request);
    const path = pathOf(request, PREFIX);
    const follow = flag(queryOf(request), 'follow', true);
    const isHead = request.method === 'HEAD';
    const found = isHead
      ? await this.files.stat(caller, path, { follow })
      : await this.files.open(caller, path, { follow, data: true });
    if (found.inode.type === 'directory') return this.listingResponse.sendArray(caller, path, found, reply);
    if (found.inode.type === 'symlink') return this.listingResponse.sendLink(found, reply);
    return this.fileResponse.send(caller, found, request, reply);
  }

  @Post('v1/files/*')
  @PostDocs()
  async post(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const caller = callerOf(request);
    const path = pathOf(request, PREFIX);
    refuseTus(request.headers);
    try {
      const outcome = await this.create(caller, path, request);
      this.sendOutcome(caller, outcome, reply);
    } catch (error) {
      const isCopy = request.headers['x-callfs-copy-source'] !== undefined;
      throw withConflictDetails(error, this.placement, this.url, isCopy ? 'copy' : path.saysDirectory ? 'directory' : 'create');
    }
  }

  @Put('v1/files/*')
  @PutDocs()
  async put(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const caller = callerOf(request);
    this.sendOutcome(caller, await this.upload(caller, pathOf(request, PREFIX), 'put', request), reply);
  }

  @Patch('v1/files/*')
  @PatchDocs()
  async patch(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const caller = callerOf(request);
    const path = pathOf(request, PREFIX);
    const condition = writeCondition(request.headers);
    const follow = flag(queryOf(request), 'follow', true);
    const wanted = readPatch(await readJsonBody(request), path);
    if (wanted.kind === 'attributes') {
      const { path: changed, inode } = await this.attributes.change(caller, path, { ...wanted.changes, follow, condition });
      return sendJson(reply, 200, this.views.view(caller.identity, changed, inode));
    }
    if (wanted.kind === 'relocation') {
      const { path: where, inode } = await this.relocations.relocate(caller, path, wanted.place, { follow, condition });
      return sendJson(reply, 200, this.views.view(caller.identity, where, inode));
    }
    try {
      const moved = await this.moves.move(caller, path, wanted.destination, { ...wanted, condition });
      sendJson(reply, 200, { path: moved.path.toString() });
    } catch (error) {
      throw withConflictDetails(error, this.placement, this.url, 'move');
    }
  }

  @Delete('v1/files/*')
  @DeleteDocs()
  async delete(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const recursive = flag(queryOf(request), 'recursive');
    await this.removals.remove(callerOf(request), pathOf(request, PREFIX), {
      recursive,
      condition: writeCondition(request.headers),
    });
    sendEmpty(reply, 204);
  }

  private async create(caller: Caller, path: VirtualPath, request: FastifyRequest): Promise<WriteOutcome> {
    const source = copySource(request.headers);
    const condition = writeCondition(request.headers);
    if (source) {
      if (Exchange.of(request.raw).hasBody) throw copyWithBody();
      const query = queryOf(request);
      return this.copies.copy(caller, source, path, {
        recursive: flag(query, 'recursive'),
        overwrite: flag(query, 'overwrite'),
        condition,
      });
    }
    if (request.headers['content-type']?.split(';')[0]?.trim().toLowerCase() === SYMLINK_MEDIA_TYPE) {
      const { target } = readSymlinkRequest(await readJsonBody(request));
      return this.symlinks.create(caller, path, target, condition);
    }
    if (path.saysDirectory || path.isRoot) {
      const { mode } = readDirectoryRequest(await readJsonBody(request));
      const permissions = mode ?? parseMode(request.headers['x-callfs-mode'] as string | undefined);
      return this.directories.make(caller, path, permissions, condition);
    }
    return this.upload(caller, path, 'create', request);
  }

  private upload(caller: Caller, path: VirtualPath, mode: 'create' | 'put', request: FastifyRequest): Promise<WriteOutcome> {
    return this.files.write(caller, path, readUpload(request, caller, mode));
  }

  private sendOutcome(caller: Caller, outcome: WriteOutcome, reply: FastifyReply): void {
    reply.hijack();
    this.outcomes.send(Exchange.of(reply.raw), caller.identity, outcome);
  }
}

/** Its bytes would be lost, and the answer a success. */
function copyWithBody(): CallfsError {
  const message = 'A copy has no body: its content is that of X-CallFS-Copy-Source. Leave out the header, or the body.';
  return new CallfsError('INVALID_REQUEST', message);
}
