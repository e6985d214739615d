import { Controller, Delete, Get, Param, Req, Res, UseGuards } from '@nestjs/common';
import { ApiOperation, ApiParam, ApiQuery, ApiResponse, ApiTags } from '@nestjs/swagger';
import { SuperuserGuard } from '@callfs/auth';
import { CallfsError } from '@callfs/core';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { parseDuration } from '../../config/value-types';
import type { UploadFilter } from '../../use-cases/uploads/upload-table';
import { UploadsService } from '../../use-cases/uploads/uploads.service';
import { callerOf } from '../files/caller';
import { ErrorResponses } from '../openapi/error-responses';
import { queryOf, type Query } from '../request-target';
import { sendJson } from '../respond';
import { EXPIRED_SCHEMA, UPLOAD_SCHEMA, uploadView, type ExpiredUploadView } from './upload-view';

const filter = (name: string, description: string) =>
  ApiQuery({ name, description, required: false, schema: { type: 'string' } });
const list = (items: object) => ({
  schema: { type: 'object', properties: { count: { type: 'integer' }, items: { type: 'array', items } } },
});

/** The uploads in parts of all users, for `callfs uploads`. */
@ApiTags('admin')
@ErrorResponses('PERMISSION_DENIED')
@UseGuards(SuperuserGuard)
@Controller('v1/admin/uploads')
export class AdminUploadsController {
  constructor(private readonly uploads: UploadsService) {}

  @Get()
  @ApiOperation({ summary: 'The uploads in parts that are under way, those that are idle longest first' })
  @filter('user', 'Whose they are')
  @filter('prefix', 'A path and all below it: `/a` has `/a/b`, not `/ab`')
  @filter('idle', 'No byte came for longer than this: `30m`, `12h`')
  @ApiResponse({ status: 200, description: 'They', content: { 'application/json': list(UPLOAD_SCHEMA) } })
  async list(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const items = (await this.uploads.list(uploadFilter(queryOf(request)))).map(uploadView);
    sendJson(reply, 200, { count: items.length, items });
  }

  @Delete(':id')
  @ApiOperation({ summary: 'End an upload, as its time would', description: 'Its bytes are freed; its owner is answered 410.' })
  @ApiParam({ name: 'id', required: true, schema: { type: 'string' } })
  @ApiResponse({ status: 200, description: 'What became of it', content: { 'application/json': { schema: EXPIRED_SCHEMA } } })
  async expire(@Param('id') id: string, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const expired = await this.uploads.expireNow(callerOf(request), id);
    sendJson(reply, 200, { id, outcome: expired ? 'expired' : 'gone' } satisfies ExpiredUploadView);
  }
}

/** `INVALID_REQUEST`; an empty value is one, for it could be taken for "all". */
function uploadFilter(query: Query): UploadFilter {
  const idle = named(query, 'idle');
  const idleMs = idle === undefined ? undefined : parseDuration(idle);
  if (idle !== undefined && idleMs === undefined)
    throw new CallfsError('INVALID_REQUEST', 'The parameter "idle" is not a duration such as 30s, 10m or 1h.');
  const prefix = named(query, 'prefix');
  if (prefix !== undefined && !prefix.startsWith('/'))
    throw new CallfsError('INVALID_REQUEST', 'The parameter "prefix" is an absolute path such as /a/b; "/" stands for all.');
  return { user: named(query, 'user'), prefix: prefix?.replace(/\/+$/, ''), idleMs };
}

function named(query: Query, name: string): string | undefined {
  const value = query.get(name);
  if (value === '')
    throw new CallfsError('INVALID_REQUEST', `The parameter "${name}" is empty. Leave it out, or give it a value.`);
  return value;
}
