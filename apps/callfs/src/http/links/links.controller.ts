import { Controller, Delete, Get, Post, Req, Res } from '@nestjs/common';
import { formatRfc3339, msToNs } from '@callfs/core';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { goneReason, type Link } from '../../use-cases/links/link';
import { LinksService } from '../../use-cases/links/links.service';
import { callerOf } from '../files/caller';
import { integer } from '../files/query-values';
import { readJsonBody } from '../json-body';
import { PublicUrl } from '../public-url';
import { queryOf } from '../request-target';
import { sendEmpty, sendJson } from '../respond';
import { linkCursor, readLinkCursor } from './link-cursor';
import { GenerateLinkDocs, ListLinksDocs, RevokeLinkDocs } from './link-docs';
import { readLinkRequest } from './link-request';

const DEFAULT_LIMIT = 1000;
const MAX_LIMIT = 10_000;

/** `/v1/links`: what those with a key do with links. */
@Controller('v1/links')
export class LinksController {
  constructor(
    private readonly links: LinksService,
    private readonly url: PublicUrl,
  ) {}

  @Post('generate')
  @GenerateLinkDocs()
  async generate(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { path, ...wanted } = readLinkRequest(await readJsonBody(request));
    const { link, token } = await this.links.generate(callerOf(request), path, wanted);
    const url = this.url.of(`/download/${token}`);
    const { id, expiresMs, maxUses } = link;
    // Whoever reads a cache would have the file.
    const headers = { 'Cache-Control': 'no-store' };
    sendJson(reply, 201, { id, url, token, expires_at: timeOf(expiresMs), max_uses: maxUses }, headers);
  }

  @Get()
  @ListLinksDocs()
  async list(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const query = queryOf(request);
    const limit = integer(query, 'limit', 1, MAX_LIMIT, DEFAULT_LIMIT);
    const cursor = query.get('cursor');
    const after = cursor === undefined ? undefined : readLinkCursor(cursor);
    const { links, nowMs } = await this.links.list(callerOf(request), after, limit + 1);
    const page = links.slice(0, limit);
    const last = page[page.length - 1];
    sendJson(reply, 200, {
      count: page.length,
      items: page.map((link) => viewOf(link, nowMs)),
      ...(links.length > limit && last ? { next_cursor: linkCursor(last) } : {}),
    });
  }

  @Delete(':id')
  @RevokeLinkDocs()
  async revoke(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    await this.links.revoke(callerOf(request), (request.params as { id: string }).id);
    sendEmpty(reply, 204);
  }
}

function viewOf(link: Link, nowMs: number): Record<string, unknown> {
  return {
    id: link.id,
    path: link.path,
    filename: link.filename,
    user: link.user,
    key_id: link.keyId,
    status: goneReason(link, nowMs) ?? 'active',
    max_uses: link.maxUses,
    uses: link.uses,
    created_at: timeOf(link.createdMs),
    expires_at: timeOf(link.expiresMs),
    has_password: link.password !== null,
    allow_cidrs: link.allowCidrs,
  };
}

function timeOf(ms: number): string {
  return formatRfc3339(msToNs(ms));
}
