import { Injectable } from '@nestjs/common';
import { CallfsError, type ByteRange, type Content } from '@callfs/core';
import type { BlobBody } from '@callfs/storage';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Caller } from '../../use-cases/caller';
import { etagOf } from '../../use-cases/etag';
import { FilesService } from '../../use-cases/files.service';
import type { Existing } from '../../use-cases/located';
import { mayKnowContent } from '../../use-cases/may-know-content';
import { Exchange } from '../exchange';
import { sendBody, sendFileHead, type Headers } from '../respond';
import { contentRange, parseRange, unsatisfiedRange } from '../semantics/byte-ranges';
import { judgeRead, rangeApplies } from '../semantics/conditions';
import { multipartByteRanges, type MultipartBody } from '../semantics/multipart-byteranges';
import { FileFields } from './file-fields';

/** What is between a file and a recipient who did not come with a key. */
export interface Handover {
  /** The header fields for those of a reader with a key. */
  readonly fields: (headers: Headers) => Headers;
  /**
   * Lets the body go, or throws. `resumed` is the part that is sent when the recipient said of which version it lacks it.
   * `over` is told how many bytes the recipient took.
   */
  readonly release: (body: Buffer | BlobBody, resumed?: ByteRange) => Promise<Released>;
}

export interface Released {
  readonly headers: Headers;
  readonly body: Buffer | BlobBody;
  readonly over: (bytes: number) => Promise<void>;
}

/** What an answer to a reader is made of. */
interface Reading {
  readonly caller: Caller;
  readonly found: Existing;
  readonly content: Content;
  readonly headers: Headers;
  readonly handover?: Handover;
}

/** Answers GET and HEAD of a file: conditions first, then ranges (RFC 9110 §13.2.2, §14). */
@Injectable()
export class FileResponse {
  constructor(
    private readonly files: FilesService,
    private readonly fields: FileFields,
  ) {}

  async send(caller: Caller, found: Existing, request: FastifyRequest, reply: FastifyReply, handover?: Handover): Promise<void> {
    const { inode } = found;
    const content = inode.content;
    if (!content) throw new TypeError('only a file is answered with its content');
    const isHead = request.method === 'HEAD';
    const own = this.fields.ofFile(inode, content, found.path.name);
    const headers = handover ? handover.fields(own) : own;
    if (isHead && !mayKnowContent(caller.identity, inode)) {
      return sendFileHead(reply, 200, { ...headers, ETag: undefined, 'Repr-Digest': undefined });
    }

    const given = request.headers;
    const outcome = judgeRead(given, etagOf(content), inode.mtimeNs);
    if (outcome === 'failed') throw preconditionFailed(handover ? undefined : found.path.toString(), etagOf(content));
    if (outcome === 'not-modified') return sendFileHead(reply, 304, { ...headers, 'Content-Length': undefined });
    if (isHead) return sendFileHead(reply, 200, headers);
    const reading = { caller, found, content, headers, handover };
    return given.range === undefined ? this.sendWhole(reading, reply) : this.sendRanges(reading, request, reply);
  }

  private async sendWhole({ caller, found, headers, handover }: Reading, reply: FastifyReply): Promise<void> {
    const body = await this.files.read(caller, found);
    return handover ? handOver(handover, reply, 200, headers, body) : sendBody(reply, 200, headers, body);
  }

  private async sendRanges(reading: Reading, { headers: given }: FastifyRequest, reply: FastifyReply): Promise<void> {
    const { caller, found, content, headers, handover } = reading;
    const ifRange = given['if-range'];
    const applies = rangeApplies(typeof ifRange === 'string' ? ifRange : undefined, etagOf(content), found.inode.mtimeNs);
    const wanted = parseRange(applies ? given.range : undefined, content.size);
    if (wanted.kind === 'none') return this.sendWhole(reading, reply);
    if (wanted.kind === 'unsatisfiable') throw notSatisfiable(content.size);
    const [only] = wanted.ranges;
    if (wanted.ranges.length === 1 && only) {
      const partial = { ...headers, 'Content-Length': only.length, 'Content-Range': contentRange(only, content.size) };
      const body = await this.files.read(caller, found, only);
      if (!handover) return sendBody(reply, 206, partial, body);
      return handOver(handover, reply, 206, partial, body, ifRange === undefined ? undefined : only);
    }
    const layout = multipartByteRanges(wanted.ranges, content.size, String(headers['Content-Type']));
    const partial = { ...headers, 'Content-Type': layout.contentType, 'Content-Length': layout.contentLength };
    const body = this.parts(caller, found, layout);
    return handover ? handOver(handover, reply, 206, partial, body) : sendBody(reply, 206, partial, body);
  }

  /** The head of a part goes out when there is something to follow it. */
  private async *parts(caller: Caller, found: Existing, layout: MultipartBody): AsyncGenerator<Buffer> {
    for (const { head, range } of layout.parts) {
      const chunks = chunksOf(await this.files.read(caller, found, range));
      try {
        let next = await chunks.next();
        yield head;
        for (; !next.done; next = await chunks.next()) yield next.value;
      } finally {
        await chunks.return?.();
      }
    }
    yield layout.tail;
  }
}

async function handOver(
  handover: Handover,
  reply: FastifyReply,
  status: number,
  headers: Headers,
  body: Buffer | BlobBody,
  resumed?: ByteRange,
): Promise<void> {
  const released = await handover.release(body, resumed);
  await sendBody(reply, status, { ...headers, ...released.headers }, released.body);
  await released.over(Exchange.of(reply.raw).bytesOut);
}

function chunksOf(body: Buffer | BlobBody): Iterator<Buffer> | AsyncIterator<Buffer> {
  return Buffer.isBuffer(body) ? [body].values() : body[Symbol.asyncIterator]();
}

/** Who has no key is not told the path. */
function preconditionFailed(path: string | undefined, etag: string): CallfsError {
  return new CallfsError(
    'PRECONDITION_FAILED',
    `A condition of the request does not hold for ${path ?? 'the file'}: its ETag is ${etag} now.`,
    {
      details: { ...(path === undefined ? {} : { path }), current_etag: etag },
    },
  );
}

function notSatisfiable(size: number): CallfsError {
  return new CallfsError('RANGE_NOT_SATISFIABLE', `The file has ${size} bytes; none of them is in the range.`, {
    details: { size, content_range: unsatisfiedRange(size) },
  });
}
