import { Controller, Delete, Get, Param, Req, Res, UseGuards } from '@nestjs/common';
import { ApiOperation, ApiParam, ApiQuery, ApiResponse, ApiTags } from '@nestjs/swagger';
import { SuperuserGuard } from '@callfs/auth';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { NodeRegistry } from '../../cluster/node-registry';
import { flag } from '../files/query-values';
import { ErrorResponses } from '../openapi/error-responses';
import { queryOf } from '../request-target';
import { sendJson } from '../respond';
import { NODE_SCHEMA, nodeView } from './node-view';

/** The nodes of the cluster, for `callfs nodes`. */
@ApiTags('admin')
@ErrorResponses('PERMISSION_DENIED')
@UseGuards(SuperuserGuard)
@Controller('v1/admin/nodes')
export class NodesController {
  constructor(private readonly nodes: NodeRegistry) {}

  @Get()
  @ApiOperation({ summary: 'The nodes that have registered, by name' })
  @ApiResponse({
    status: 200,
    description: 'They',
    content: {
      'application/json': {
        schema: { type: 'object', properties: { count: { type: 'integer' }, items: { type: 'array', items: NODE_SCHEMA } } },
      },
    },
  })
  async list(@Res() reply: FastifyReply): Promise<void> {
    const items = (await this.nodes.list()).map(nodeView);
    sendJson(reply, 200, { count: items.length, items });
  }

  @Delete(':id')
  @ApiOperation({
    summary: 'Forget a node that is gone for good',
    description: 'Refused for one that lives, or whose disk alone has blobs.',
  })
  @ApiParam({ name: 'id', required: true, schema: { type: 'string' } })
  @ApiQuery({ name: 'force', description: 'Also when its blobs are lost with it', required: false, schema: { type: 'boolean' } })
  @ApiResponse({
    status: 200,
    description: 'Forgotten',
    content: {
      'application/json': {
        schema: { type: 'object', properties: { instance_id: { type: 'string' }, blobs_lost: { type: 'integer' } } },
      },
    },
  })
  @ErrorResponses('NODE_NOT_FOUND')
  async forget(@Param('id') id: string, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { instanceId, blobsLost } = await this.nodes.forget(id, flag(queryOf(request), 'force'));
    sendJson(reply, 200, { instance_id: instanceId, blobs_lost: blobsLost });
  }
}
