import { Controller, Get, Req, Res, ServiceUnavailableException } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { HealthCheckService, HealthIndicatorService, type HealthIndicatorResult } from '@nestjs/terminus';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { CallfsAdapter } from '../callfs-adapter';
import { requestIdOf } from '../exchange';
import { Open } from '../open-route';
import { HealthDocs } from '../openapi/health-docs';
import { sendJson } from '../respond';
import { HealthChecks, type CheckResult } from './health-checks';

const RETRY_AFTER_SECONDS = 2;

/** Open to all: what load balancers, orchestrators and people ask first. */
@ApiTags('system')
@Controller('health')
export class HealthController {
  constructor(
    private readonly terminus: HealthCheckService,
    private readonly indicators: HealthIndicatorService,
    private readonly checks: HealthChecks,
    private readonly host: HttpAdapterHost<CallfsAdapter>,
  ) {}

  @Open()
  @Get()
  @ApiOperation({ summary: 'Whether this process can serve' })
  @HealthDocs()
  async health(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const fatal = (await this.checks.run()).find(isFatal);
    if (fatal === undefined) sendJson(reply, 200, { status: 'ok' });
    else sendUnavailable(request, reply, fatal.check.code, `${fatal.check.name} is down. ${fatal.message}`);
  }

  @Open()
  @Get('live')
  @ApiOperation({ summary: 'Whether this process is alive, whatever it depends on' })
  @HealthDocs()
  live(@Res() reply: FastifyReply): void {
    sendJson(reply, 200, { status: 'ok' });
  }

  @Open()
  @Get('ready')
  @ApiOperation({
    summary:
      'Whether to send requests here: each check by name, `degraded` while some requests fail: writes, or reads of what a peer has',
  })
  @HealthDocs()
  async ready(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const results = await this.checks.run();
    const checks = await this.summary(results);
    if (this.host.httpAdapter.front.draining) {
      sendUnavailable(request, reply, 'SHUTTING_DOWN', 'This node is shutting down.', checks);
      return;
    }
    const fatal = results.find(isFatal);
    if (fatal !== undefined) {
      sendUnavailable(request, reply, fatal.check.code, `${fatal.check.name} is down. ${fatal.message}`, checks);
      return;
    }
    sendJson(reply, 200, { status: results.every(({ up }) => up) ? 'ok' : 'degraded', checks });
  }

  /** Each check as Terminus words it. */
  private async summary(results: readonly CheckResult[]): Promise<HealthIndicatorResult> {
    const indicators = results.map(({ check, up, latencyMs, message, nodes }) => () => {
      const indicator = this.indicators.check(check.name);
      const latency_ms = Math.round(latencyMs * 1000) / 1000;
      return up ? indicator.up({ latency_ms, nodes }) : indicator.down({ latency_ms, message, nodes });
    });
    try {
      return (await this.terminus.check(indicators)).details;
    } catch (error) {
      if (!(error instanceof ServiceUnavailableException)) throw error;
      return (error.getResponse() as { details: HealthIndicatorResult }).details;
    }
  }
}

function isFatal({ check, up }: CheckResult): boolean {
  return !up && check.neededFor === 'everything';
}

function sendUnavailable(request: FastifyRequest, reply: FastifyReply, code: string, message: string, checks?: object): void {
  const body = { status: 'error', code, message, request_id: requestIdOf(request), checks };
  sendJson(reply, 503, body, { 'Retry-After': RETRY_AFTER_SECONDS });
}
