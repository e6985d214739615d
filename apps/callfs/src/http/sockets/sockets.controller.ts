import { Controller, Get, Req, Res } from '@nestjs/common';
import { CallfsError, VirtualPath, type ByteRange, type Content } from '@callfs/core';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Caller } from '../../use-cases/caller';
import { entryEtagOf, etagOf } from '../../use-cases/etag';
import { isADirectory } from '../../use-cases/existing-errors';
import { FilesService } from '../../use-cases/files.service';
import { Exchange } from '../exchange';
import { callerOf } from '../files/caller';
import { FileFields } from '../files/file-fields';
import { choice, integer } from '../files/query-values';
import { queryOf, rawPathOf, type Query } from '../request-target';
import { contentRange, parseRange } from '../semantics/byte-ranges';
import { judgeRead, rangeApplies, writeCondition } from '../semantics/conditions';
import { field, type RequestFields } from '../semantics/request-fields';
import { readUploadHeaders } from '../semantics/upload-headers';
import { SocketBody } from './socket-body';
import { SocketDocs } from './socket-docs';
import { SOCKETS } from './socket-request';
import { SocketSender } from './socket-sender';
import { endExchange, upgrade } from './upgrade';

/**
 * `/v1/files/ws/{path}`: GET and PUT of a file over a WebSocket. All that can be judged before is answered in plain HTTP,
 * without a socket; what goes wrong later is a text frame `{"type":"error"}` and a close.
 */
@Controller()
export class SocketsController {
  constructor(
    private readonly files: FilesService,
    private readonly fields: FileFields,
  ) {}

  /** Only requests that ask for a WebSocket are routed here. */
  @Get('v1/files/ws/*')
  @SocketDocs()
  async open(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const exchange = Exchange.of(request.raw);
    const caller = callerOf(request);
    const path = VirtualPath.fromUrl(rawPathOf(request, SOCKETS));
    const query = queryOf(request);
    const fields = { ...request.headers, ...conditionsIn(query) };
    if (choice(query, 'mode', ['download', 'upload'], 'download') === 'upload') {
      await this.upload(caller, path, query, fields, exchange, reply);
    } else {
      await this.download(caller, path, query, fields, exchange, reply);
    }
  }

  private async download(
    caller: Caller,
    path: VirtualPath,
    query: Query,
    fields: RequestFields,
    exchange: Exchange,
    reply: FastifyReply,
  ): Promise<void> {
    const found = await this.files.open(caller, path, { follow: true, data: true });
    const { inode } = found;
    const { content } = inode;
    if (!content) throw isADirectory(found.path);
    const outcome = judgeRead(fields, etagOf(content), inode.mtimeNs);
    if (outcome !== 'send')
      throw new CallfsError('PRECONDITION_FAILED', `A condition does not hold for ${found.path.toString()}.`);
    const range = this.rangeOf(query, fields, content, inode.mtimeNs);
    const body = await this.files.read(caller, found, range);
    const head = {
      ...this.fields.ofFile(inode, content, found.path.name),
      'Content-Length': undefined,
      'Accept-Ranges': undefined,
      'Content-Range': range && contentRange(range, content.size),
    };
    const socket = await upgrade(exchange, head).catch(async (error: unknown) => {
      if (!Buffer.isBuffer(body)) await body[Symbol.asyncIterator]().return?.();
      throw error;
    });
    reply.hijack();
    const sender = new SocketSender(socket, exchange);
    try {
      await sender.bytes(body);
      sender.done({ type: 'end', size: exchange.bytesOut, etag: etagOf(content) });
    } catch (error) {
      sender.failed(error);
    }
    await endExchange(exchange, socket);
  }

  private async upload(
    caller: Caller,
    path: VirtualPath,
    query: Query,
    fields: RequestFields,
    exchange: Exchange,
    reply: FastifyReply,
  ): Promise<void> {
    const { contentType, mode: permissions, mtimeNs, digests } = readUploadHeaders({ ...fields, 'content-length': undefined });
    const terms = { mode: 'put', condition: writeCondition(fields), permissions, mtimeNs, contentType } as const;
    const size = query.has('size') ? wholeNumber(query, 'size') : undefined;
    await this.files.judge(caller, path, terms, size ?? 0);
    const socket = await upgrade(exchange, {});
    reply.hijack();
    const sender = new SocketSender(socket, exchange);
    const { identity, requestId, note } = caller;
    try {
      const chunks = new SocketBody(socket, exchange);
      const { signal } = chunks;
      const { inode } = await this.files.write({ identity, requestId, note, signal }, path, {
        ...terms,
        body: { chunks, size, digests, signal },
      });
      sender.done({ type: 'committed', size: inode.size, etag: entryEtagOf(inode) });
    } catch (error) {
      sender.failed(error);
    }
    await endExchange(exchange, socket);
  }

  /** `offset` and `length` of the query, or a single range of the header. */
  private rangeOf(query: Query, fields: RequestFields, { size, ...content }: Content, mtimeNs: bigint): ByteRange | undefined {
    if (query.has('offset') || query.has('length')) {
      const offset = query.has('offset') ? wholeNumber(query, 'offset') : 0;
      const length = Math.min(query.has('length') ? wholeNumber(query, 'length') : size, size - offset);
      if (length <= 0) throw notSatisfiable(size);
      return { offset, length };
    }
    if (!rangeApplies(field(fields, 'if-range'), etagOf({ size, ...content }), mtimeNs)) return undefined;
    const wanted = parseRange(field(fields, 'range'), size);
    if (wanted.kind === 'unsatisfiable') throw notSatisfiable(size);
    if (wanted.kind === 'none') return undefined;
    if (wanted.ranges.length === 1) return wanted.ranges[0];
    throw new CallfsError('INVALID_REQUEST', 'Over a socket a file is sent in one range, not several.');
  }
}

/** Browsers cannot set headers on a WebSocket: the conditions may stand in the query as well. */
function conditionsIn(query: Query): RequestFields {
  const fields: Record<string, string> = {};
  for (const [name, header] of [
    ['if_match', 'if-match'],
    ['if_none_match', 'if-none-match'],
  ] as const) {
    const value = query.get(name);
    if (value !== undefined) fields[header] = value;
  }
  return fields;
}

function wholeNumber(query: Query, name: string): number {
  return integer(query, name, 0, Number.MAX_SAFE_INTEGER, 0);
}

function notSatisfiable(size: number): CallfsError {
  return new CallfsError('RANGE_NOT_SATISFIABLE', `The file has ${size} bytes; none of them is in the range.`, {
    details: { size },
  });
}
