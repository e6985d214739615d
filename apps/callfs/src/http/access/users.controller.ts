import { Controller, Delete, Get, Param, Post, Req, Res, UseGuards } from '@nestjs/common';
import { ApiBody, ApiOperation, ApiParam, ApiResponse, ApiTags } from '@nestjs/swagger';
import { SuperuserGuard } from '@callfs/auth';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { UsersService } from '../../use-cases/access/users.service';
import { callerOf } from '../files/caller';
import { readJsonBody } from '../json-body';
import { ErrorResponses } from '../openapi/error-responses';
import { sendEmpty, sendJson } from '../respond';
import { userRequestOf } from './key-requests';
import { listOf, USER_REQUEST_SCHEMA, USER_SCHEMA, userView } from './key-view';

/** The users, for `callfs users`. */
@ApiTags('admin')
@ErrorResponses('PERMISSION_DENIED')
@UseGuards(SuperuserGuard)
@Controller('v1/admin/users')
export class UsersController {
  constructor(private readonly users: UsersService) {}

  @Get()
  @ApiOperation({ summary: 'The users, those of the configuration first' })
  @ApiResponse({ status: 200, description: 'They', content: listOf(USER_SCHEMA) })
  async list(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const items = (await this.users.list(callerOf(request))).map(userView);
    sendJson(reply, 200, { count: items.length, items });
  }

  @Post()
  @ApiOperation({ summary: 'Add a user', description: 'With a home, unless `auth.create_home` is off. It has no key yet.' })
  @ApiBody({ schema: USER_REQUEST_SCHEMA })
  @ApiResponse({ status: 201, description: 'The user', content: { 'application/json': { schema: USER_SCHEMA } } })
  @ErrorResponses('USER_ALREADY_EXISTS', 'PAYLOAD_TOO_LARGE', 'UNSUPPORTED_MEDIA_TYPE', 'UNSUPPORTED_ENCODING')
  async add(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const user = await this.users.add(callerOf(request), userRequestOf(await readJsonBody(request)));
    sendJson(reply, 201, userView(user));
  }

  @Delete(':name')
  @ApiOperation({
    summary: 'Remove a user',
    description: 'Its keys end with it. Its files stay, and so does its number for its name.',
  })
  @ApiParam({ name: 'name', required: true, schema: { type: 'string' } })
  @ApiResponse({ status: 204, description: 'Removed' })
  @ErrorResponses('USER_NOT_FOUND')
  async remove(@Param('name') name: string, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    await this.users.remove(callerOf(request), name);
    sendEmpty(reply, 204);
  }
}
