import { EventEmitter, once } from 'node:events';
import { Writable } from 'node:stream';
import type { AddressInfo } from 'node:net';
import { Controller, Delete, Get, Module, Patch, Post, Put, Req, Res } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { CallfsError } from '@callfs/core';
import type { Identity } from '@callfs/auth';
import type { CallfsConfig } from '../../../apps/callfs/src/config/config';
import { identityOf, requestSignal } from '../../../apps/callfs/src/http/exchange';
import { HttpShellModule } from '../../../apps/callfs/src/http/http-shell.module';
import { readJsonBody } from '../../../apps/callfs/src/http/json-body';
import { Open } from '../../../apps/callfs/src/http/open-route';
import { RequestAuthenticator } from '../../../apps/callfs/src/http/request-authenticator';
import { readBody } from '../../../apps/callfs/src/http/request-body';
import { queryOf, rawPathOf } from '../../../apps/callfs/src/http/request-target';
import { sendBody, sendJson } from '../../../apps/callfs/src/http/respond';
import { createHttpApp, listen } from '../../../apps/callfs/src/http/server';
import { createLog } from '../../../apps/callfs/src/logging/log';

export const KEY = 'shell-test-key-0123456789';
export const ORDINARY_KEY = 'ordinary-key-0123456789';
export const auth = { Authorization: `Bearer ${KEY}` };

class OneKey extends RequestAuthenticator {
  authenticate(authorization: string | undefined): Identity {
    const user = { [`Bearer ${KEY}`]: 'root', [`Bearer ${ORDINARY_KEY}`]: 'alice' }[authorization ?? ''];
    if (user === undefined) throw new CallfsError('AUTHENTICATION_FAILED', 'The API key is missing or wrong.');
    const uid = user === 'root' ? 0 : 1000;
    return { user, uid, gid: uid, groups: [], umask: 0o022, keyId: '00000000' };
  }
}

/** What the probe controller has seen, for the tests to look at and wait for. */
export const seen = new EventEmitter();
/** `go on` ends what waits for it (`?wait=told`). */
export const told = new EventEmitter();

/** Stands in for the real controllers: it does whatever the query of a request tells it to. */
@Controller('v1/files')
export class ProbeController {
  @Get('*')
  async get(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const query = queryOf(request);
    const path = rawPathOf(request, '/v1/files');
    const fail = query.get('fail');
    if (fail === 'bug') throw new Error('the secret inside');
    if (fail !== undefined) {
      throw new CallfsError(fail as 'FILE_NOT_FOUND', `No ${path}`, {
        cause: new Error('the secret inside'),
        details: { code: 'FORGED', request_id: 'forged', existing_path: path, size: 10 },
      });
    }
    if (query.has('stream')) {
      const size = Number(query.get('stream'));
      return sendBody(
        reply,
        200,
        { 'Content-Length': size },
        chunks(size, Number(query.get('stop') ?? size), query.has('quiet'), requestSignal(request)),
      );
    }
    if (query.has('wait')) {
      const signal = requestSignal(request);
      seen.emit('waiting', path);
      await new Promise<void>((resolve) => {
        if (query.get('wait') === 'told') return void told.once('go on', resolve);
        const timer = setTimeout(resolve, Number(query.get('wait')));
        signal.addEventListener('abort', () => {
          clearTimeout(timer);
          seen.emit('aborted', path);
          resolve();
        });
      });
    }
    return sendBody(reply, 200, { 'Content-Type': 'application/octet-stream' }, Buffer.from(`path=${path}`));
  }

  @Put('*')
  async put(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const query = queryOf(request);
    if (query.get('fail')) throw new CallfsError('PRECONDITION_FAILED', 'Not now.');
    seen.emit('upload');
    let bytes = 0;
    try {
      for await (const chunk of readBody(request, Number(query.get('max') ?? 0))) bytes += chunk.length;
    } catch (error) {
      seen.emit('upload failed', (error as CallfsError).code);
      throw error;
    }
    sendJson(reply, 201, { bytes, user: identityOf(request).user });
  }

  @Patch('*')
  async patch(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    sendJson(reply, 200, { value: (await readJsonBody(request)) ?? null });
  }

  @Post('*')
  post(): object {
    return { plain: 'nest' };
  }

  @Delete('*')
  delete(): never {
    throw new CallfsError('CONTENT_LENGTH_MISMATCH', 'Short.');
  }
}

@Controller('download')
class OpenProbeController {
  @Open()
  @Get(':token')
  download(@Res() reply: FastifyReply): void {
    void sendBody(reply, 200, {}, Buffer.from('open'));
  }
}

async function* chunks(size: number, stopAt: number, quiet: boolean, signal: AbortSignal): AsyncGenerator<Buffer> {
  const chunk = Buffer.alloc(64 * 1024, 'x');
  for (let sent = 0; sent < stopAt; sent += chunk.length) {
    signal.throwIfAborted();
    yield chunk.subarray(0, Math.min(chunk.length, stopAt - sent));
  }
  if (stopAt < size && !quiet) throw new Error('the disk broke');
}

export type LogLine = Readonly<Record<string, unknown>>;

export interface Shell {
  readonly app: NestFastifyApplication;
  readonly host: string;
  readonly port: number;
  /** The log so far, a line an object. */
  lines(): LogLine[];
  text(): string;
  /** The first line that is so, as soon as there is one. */
  line(matches: (line: LogLine) => boolean): Promise<LogLine>;
  /** The access line of this request. */
  lineOf(requestId: string | undefined): Promise<LogLine>;
}

export interface ShellOptions {
  readonly server?: Partial<CallfsConfig['server']>;
  readonly metrics?: CallfsConfig['metrics'];
}

/** Starts the HTTP side alone, over the probe controller. */
export async function startShell(overrides: ShellOptions = {}): Promise<Shell> {
  let text = '';
  const written = new EventEmitter();
  const output = new Writable({
    write(chunk: Buffer, _encoding, done) {
      text += chunk.toString();
      written.emit('line');
      done();
    },
  });
  const config = {
    server: {
      listenAddr: { host: '127.0.0.1', port: 0 },
      protocol: 'http',
      certFile: '',
      keyFile: '',
      readTimeoutMs: 30_000,
      writeTimeoutMs: 30_000,
      fileOpTimeoutMs: 10_000,
      metadataOpTimeoutMs: 5_000,
      maxUploadBytes: 0,
      trustedProxies: [],
      shutdownGraceMs: 5_000,
      maxRequestsPerKey: 0,
      ...overrides.server,
    },
    log: { level: 'info', format: 'json' },
    metrics: overrides.metrics ?? {},
    debug: { profiling: true },
    instanceDiscovery: { instanceId: 'test', peerEndpoints: {} },
    dlm: { type: 'local' },
    rateLimits: {},
  } as unknown as CallfsConfig;

  @Module({
    imports: [HttpShellModule.forRoot(config, createLog(config.log, output))],
    controllers: [ProbeController, OpenProbeController],
    providers: [{ provide: RequestAuthenticator, useClass: OneKey }],
  })
  class ShellTestModule {}

  const app = await createHttpApp(ShellTestModule, config);
  const address: AddressInfo = await listen(app, config.server.listenAddr);
  const lines = (): LogLine[] =>
    text
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as LogLine);
  const line = async (matches: (line: LogLine) => boolean): Promise<LogLine> => {
    for (;;) {
      const found = lines().find(matches);
      if (found !== undefined) return found;
      await once(written, 'line');
    }
  };
  return {
    app,
    host: address.address,
    port: address.port,
    text: () => text,
    lines,
    line,
    lineOf: (requestId) => line(({ msg, request_id }) => msg === 'request' && request_id === requestId),
  };
}
