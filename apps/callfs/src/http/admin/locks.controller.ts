import { Controller, Delete, Get, Param, Post, Req, Res, UseGuards } from '@nestjs/common';
import { ApiBody, ApiOperation, ApiParam, ApiQuery, ApiResponse, ApiTags } from '@nestjs/swagger';
import { SuperuserGuard } from '@callfs/auth';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { LocksService } from '../../use-cases/locks.service';
import { callerOf } from '../files/caller';
import { readJsonBody } from '../json-body';
import { ErrorResponses } from '../openapi/error-responses';
import { queryOf } from '../request-target';
import { sendJson } from '../respond';
import { clearOptionsOf, clearRequestOf, lockFilter } from './lock-requests';
import { CLEARED_SCHEMA, clearedLockView, LOCK_CHECK_SCHEMA, LOCK_SCHEMA, lockCheckView, lockView } from './lock-view';

const list = (items: object) => ({
  schema: { type: 'object', properties: { count: { type: 'integer' }, items: { type: 'array', items } } },
});
const filter = (name: string, description: string, type = 'string') =>
  ApiQuery({ name, description, required: false, schema: { type } });
const FORCE = 'Live locks too; their holders lose their work';
const REASON = 'Needed to force; the log keeps it';

/** The locks of all nodes, for `callfs locks` and whoever else has to look. */
@ApiTags('admin')
@ErrorResponses('PERMISSION_DENIED', 'LOCKS_UNAVAILABLE')
@UseGuards(SuperuserGuard)
@Controller('v1/admin/locks')
export class LocksController {
  constructor(private readonly locks: LocksService) {}

  @Get()
  @ApiOperation({ summary: 'The locks that are held, the oldest first' })
  @filter('prefix', 'A path and all below it: `/a` has `/a/b`, not `/ab`')
  @filter('stale', 'Whose holder is gone, or is not', 'boolean')
  @filter('older_than', 'Held longer than this: `30s`, `10m`')
  @filter('owner', 'The user who took it')
  @filter('node', 'The instance that took it')
  @filter('op', '`put`, `rename`, …')
  @ApiResponse({ status: 200, description: 'They', content: { 'application/json': list(LOCK_SCHEMA) } })
  async list(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const items = (await this.locks.list(lockFilter(queryOf(request)))).map(lockView);
    sendJson(reply, 200, { count: items.length, items });
  }

  @Get('check')
  @ApiOperation({ summary: 'How the lease store is, and how many leases it has' })
  @ApiResponse({ status: 200, description: 'It answers', content: { 'application/json': { schema: LOCK_CHECK_SCHEMA } } })
  async check(@Res() reply: FastifyReply): Promise<void> {
    sendJson(reply, 200, lockCheckView(await this.locks.check()));
  }

  @Post('clear')
  @ApiOperation({ summary: 'Clear locks by their ids', description: 'Says for each what became of it, in their order.' })
  @ApiBody({
    schema: {
      type: 'object',
      required: ['ids'],
      properties: {
        ids: { type: 'array', items: { type: 'string' }, minItems: 1 },
        force: { type: 'boolean', description: FORCE },
        reason: { type: 'string', description: REASON },
      },
    },
  })
  @ApiResponse({ status: 200, description: 'Each with its outcome', content: { 'application/json': list(CLEARED_SCHEMA) } })
  @ErrorResponses('PAYLOAD_TOO_LARGE', 'UNSUPPORTED_MEDIA_TYPE', 'UNSUPPORTED_ENCODING', 'CONTENT_LENGTH_MISMATCH')
  async clear(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { ids, ...options } = clearRequestOf(await readJsonBody(request));
    const items = (await this.locks.clear(callerOf(request), ids, options)).map(clearedLockView);
    sendJson(reply, 200, { count: items.length, items });
  }

  @Delete(':id')
  @ApiOperation({
    summary: 'Clear one lock',
    description: 'Only that of a holder that is gone, unless `force` is given with a `reason`, here or in a JSON body.',
  })
  @ApiParam({ name: 'id', required: true, schema: { type: 'string' } })
  @filter('force', FORCE, 'boolean')
  @filter('reason', REASON)
  @ApiResponse({
    status: 200,
    description: 'The outcome: `cleared`, `gone`, `changed` (another holds it by now), `refused` (its holder lives)',
    content: { 'application/json': { schema: CLEARED_SCHEMA } },
  })
  @ErrorResponses('PAYLOAD_TOO_LARGE', 'UNSUPPORTED_MEDIA_TYPE', 'UNSUPPORTED_ENCODING', 'CONTENT_LENGTH_MISMATCH')
  async remove(@Param('id') id: string, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const options = clearOptionsOf(queryOf(request), await readJsonBody(request));
    const [cleared] = await this.locks.clear(callerOf(request), [id], options);
    sendJson(reply, 200, clearedLockView(cleared ?? { id, outcome: 'gone' }));
  }
}
