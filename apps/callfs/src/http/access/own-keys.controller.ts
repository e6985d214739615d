import { Controller, Delete, Get, Param, Post, Req, Res } from '@nestjs/common';
import { ApiBody, ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { KeysService } from '../../use-cases/access/keys.service';
import { callerOf } from '../files/caller';
import { readJsonBody } from '../json-body';
import { ErrorResponses } from '../openapi/error-responses';
import { sendJson } from '../respond';
import { IssueKeyResponses, RevocationDocs } from './key-docs';
import { ownKeyRequestOf } from './key-requests';
import { KEY_SCHEMA, keyView, listOf, OWN_KEY_REQUEST_SCHEMA, type RevocationView } from './key-view';

/** A user's own keys: weaker ones to hand on, and an end to those that got lost. */
@ApiTags('keys')
@ErrorResponses('PERMISSION_DENIED')
@Controller('v1/keys')
export class OwnKeysController {
  constructor(private readonly keys: KeysService) {}

  @Get()
  @ApiOperation({ summary: "The caller's issued keys, the newest first", description: 'With a limited key, those within it.' })
  @ApiResponse({ status: 200, description: 'They; no key itself is ever shown again', content: listOf(KEY_SCHEMA) })
  async list(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const items = (await this.keys.own(callerOf(request))).map(keyView);
    sendJson(reply, 200, { count: items.length, items });
  }

  @Post()
  @ApiOperation({
    summary: 'A key for oneself',
    description: 'With a limited key, one that is no stronger: within its path, its verbs and its time.',
  })
  @ApiBody({ schema: OWN_KEY_REQUEST_SCHEMA })
  @IssueKeyResponses()
  async create(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { key, row } = await this.keys.create(callerOf(request), ownKeyRequestOf(await readJsonBody(request)));
    sendJson(reply, 201, { key, ...keyView(row) }, { 'Cache-Control': 'no-store' });
  }

  @Delete(':id')
  @ApiOperation({
    summary: 'Revoke an own key',
    description: 'It opens nothing from then on, on all nodes within a second; nor do the keys and links made with it.',
  })
  @RevocationDocs()
  async revoke(@Param('id') id: string, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const ended: RevocationView = await this.keys.revoke(callerOf(request), id, { ownOnly: true });
    sendJson(reply, 200, ended);
  }
}
