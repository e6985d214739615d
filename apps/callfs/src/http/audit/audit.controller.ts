import { Controller, Get, Req, Res, UseGuards } from '@nestjs/common';
import { ApiOperation, ApiQuery, ApiResponse, ApiTags } from '@nestjs/swagger';
import { SuperuserGuard } from '@callfs/auth';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AuditService } from '../../use-cases/audit/audit.service';
import { callerOf } from '../files/caller';
import { integer } from '../files/query-values';
import { ErrorResponses } from '../openapi/error-responses';
import { queryOf } from '../request-target';
import { sendBody, sendJson } from '../respond';
import { auditCursor, auditFilterOf, auditPositionOf } from './audit-request';
import { AUDIT_SCHEMA, auditView } from './audit-view';

const NDJSON = 'application/x-ndjson';
const filter = (name: string, description: string, schema: object = { type: 'string' }) =>
  ApiQuery({ name, description, required: false, schema });

/** The audit log, for `callfs audit` and whoever else has to know. */
@ApiTags('admin')
@ErrorResponses('PERMISSION_DENIED')
@UseGuards(SuperuserGuard)
@Controller('v1/admin/audit')
export class AuditController {
  constructor(private readonly audit: AuditService) {}

  @Get()
  @ApiOperation({ summary: 'Who did what, the latest first' })
  @filter('since', 'Not before this: a duration (`1h` ago) or an RFC 3339 time')
  @filter('until', 'Before this, likewise')
  @filter('user', 'Only of this user')
  @filter('path', 'This path and all below it, at either end of a move')
  @filter('operation', '`put`, `rename`, …')
  @filter('order', 'By time', { type: 'string', enum: ['asc', 'desc'], default: 'desc' })
  @filter('limit', 'Entries of one answer', { type: 'integer', minimum: 1, maximum: 10_000, default: 100 })
  @filter('cursor', '`next_cursor` of the answer before')
  @ApiResponse({
    status: 200,
    description: 'The entries. As NDJSON, one a line, when `Accept` asks for it; the cursor is then in `X-CallFS-Next-Cursor`',
    content: {
      'application/json': {
        schema: {
          type: 'object',
          properties: {
            count: { type: 'integer' },
            items: { type: 'array', items: AUDIT_SCHEMA },
            next_cursor: { type: 'string' },
          },
        },
      },
      [NDJSON]: { schema: AUDIT_SCHEMA },
    },
  })
  @ErrorResponses('INVALID_PATH')
  async list(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const query = queryOf(request);
    const limit = integer(query, 'limit', 1, 10_000, 100);
    const entries = await this.audit.read(callerOf(request), auditFilterOf(query, Date.now()), limit + 1, auditPositionOf(query));
    const page = entries.slice(0, limit);
    const last = page[page.length - 1];
    const next = entries.length > limit && last ? auditCursor(last) : undefined;
    const items = page.map(auditView);
    if (request.headers.accept?.includes(NDJSON)) {
      const lines = Buffer.from(items.map((item) => `${JSON.stringify(item)}\n`).join(''));
      await sendBody(reply, 200, { 'Content-Type': NDJSON, 'X-CallFS-Next-Cursor': next }, lines);
      return;
    }
    sendJson(reply, 200, { count: items.length, items, ...(next !== undefined && { next_cursor: next }) });
  }
}
