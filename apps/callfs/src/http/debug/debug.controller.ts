import { Controller, Get, Req, Res } from '@nestjs/common';
import { ApiOperation, ApiQuery, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { requireAdministrator } from '@callfs/auth';
import { CallfsError, isSuperuser } from '@callfs/core';
import { identityOf, requestSignal } from '../exchange';
import { BinaryResponse } from '../openapi/binary-docs';
import { ErrorResponses } from '../openapi/error-responses';
import { queryOf } from '../request-target';
import { sendBody } from '../respond';
import { withInspector } from './inspector-session';
import { cpuProfile, heapSnapshot, trace } from './profiles';

const DEFAULT_SECONDS = 10;
const MAX_SECONDS = 120;

const SECONDS = { name: 'seconds', required: false, schema: { type: 'number', minimum: 1, maximum: MAX_SECONDS } } as const;

/** Profiles of the running process, for the superuser, when `debug.profiling` is on. They show what is in memory. */
@ApiTags('system')
@ErrorResponses('PERMISSION_DENIED', 'RATE_LIMIT_EXCEEDED')
@Controller('debug/pprof')
export class DebugController {
  @Get('profile')
  @ApiOperation({ summary: 'A CPU profile (V8 .cpuprofile)' })
  @ApiQuery(SECONDS)
  @BinaryResponse(200, 'The profile.')
  async profile(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const seconds = begin(request);
    const signal = requestSignal(request);
    const body = await withInspector((inspector) => cpuProfile(inspector, seconds, signal));
    return send(reply, 'callfs.cpuprofile', body);
  }

  @Get('heap')
  @ApiOperation({ summary: 'A heap snapshot (V8 .heapsnapshot)' })
  @BinaryResponse(200, 'The snapshot.')
  async heap(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    begin(request);
    await withInspector(async () => send(reply, 'callfs.heapsnapshot', heapSnapshot()));
  }

  @Get('trace')
  @ApiOperation({ summary: 'A trace of what Node did (Chrome trace events)' })
  @ApiQuery(SECONDS)
  @BinaryResponse(200, 'The trace.')
  async trace(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const seconds = begin(request);
    const signal = requestSignal(request);
    const body = await withInspector((inspector) => trace(inspector, seconds, signal));
    return send(reply, 'callfs.trace.json', body);
  }
}

/** Lets the superuser pass and reads for how long. */
function begin(request: FastifyRequest): number {
  if (!isSuperuser(identityOf(request))) {
    throw new CallfsError('PERMISSION_DENIED', 'Profiles are for the superuser. Use one of the keys of auth.api_keys.');
  }
  requireAdministrator(identityOf(request));
  const text = queryOf(request).get('seconds');
  const seconds = text === undefined ? DEFAULT_SECONDS : Number(text);
  if (!(seconds >= 1 && seconds <= MAX_SECONDS)) {
    throw new CallfsError('INVALID_REQUEST', `"seconds" is a number from 1 to ${MAX_SECONDS}.`);
  }
  return seconds;
}

async function send(reply: FastifyReply, name: string, body: Buffer | AsyncIterable<Buffer>): Promise<void> {
  await sendBody(
    reply,
    200,
    { 'Content-Type': 'application/json', 'Content-Disposition': `attachment; filename="${name}"` },
    body,
  );
}
