import { Controller, Delete, Get, Param, Post, Req, Res, UseGuards } from '@nestjs/common';
import { ApiBody, ApiOperation, ApiQuery, ApiResponse, ApiTags } from '@nestjs/swagger';
import { SuperuserGuard } from '@callfs/auth';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { KeysService } from '../../use-cases/access/keys.service';
import { callerOf } from '../files/caller';
import { readJsonBody } from '../json-body';
import { ErrorResponses } from '../openapi/error-responses';
import { queryOf } from '../request-target';
import { sendJson } from '../respond';
import { IssueKeyResponses, RevocationDocs } from './key-docs';
import { keyRequestOf } from './key-requests';
import { KEY_REQUEST_SCHEMA, KEY_SCHEMA, keyView, listOf, type RevocationView } from './key-view';

/** Everybody's keys, for `callfs keys` and whoever else looks after them. */
@ApiTags('admin')
@ErrorResponses('PERMISSION_DENIED')
@UseGuards(SuperuserGuard)
@Controller('v1/admin/keys')
export class AllKeysController {
  constructor(private readonly keys: KeysService) {}

  @Get()
  @ApiOperation({ summary: 'The issued keys, the newest first' })
  @ApiQuery({ name: 'user', description: 'Only those of this user', required: false, schema: { type: 'string' } })
  @ApiResponse({ status: 200, description: 'They; no key itself is ever shown again', content: listOf(KEY_SCHEMA) })
  async list(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const items = (await this.keys.all(callerOf(request), queryOf(request).get('user'))).map(keyView);
    sendJson(reply, 200, { count: items.length, items });
  }

  @Post()
  @ApiOperation({ summary: 'A key for a user', description: 'With a limited key, one that is no stronger.' })
  @ApiBody({ schema: KEY_REQUEST_SCHEMA })
  @IssueKeyResponses()
  async create(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { key, row } = await this.keys.create(callerOf(request), keyRequestOf(await readJsonBody(request)));
    sendJson(reply, 201, { key, ...keyView(row) }, { 'Cache-Control': 'no-store' });
  }

  @Delete(':id')
  @ApiOperation({
    summary: 'Revoke a key',
    description:
      'It opens nothing from then on, on all nodes within a second; nor do the keys and links made with it. Of a key that was taken out of the configuration: those.',
  })
  @RevocationDocs()
  async revoke(@Param('id') id: string, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const ended: RevocationView = await this.keys.revoke(callerOf(request), id, { ownOnly: false });
    sendJson(reply, 200, ended);
  }
}
