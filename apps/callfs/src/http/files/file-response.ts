import { Injectable } from '@nestjs/common';
import { CallfsError, type Content } from '@callfs/core';
import type { BlobBody } from '@callfs/storage';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Caller } from '../../use-cases/caller';
import { etagOf } from '../../use-cases/etag';
import { FilesService } from '../../use-cases/files.service';
import type { Existing } from '../../use-cases/located';
import { sendBody, sendFileHead, type Headers } from '../respond';
import { contentRange, parseRange, unsatisfiedRange } from '../semantics/byte-ranges';
import { judgeRead, rangeApplies } from '../semantics/conditions';
import { multipartByteRanges, type MultipartBody } from '../semantics/multipart-byteranges';
import { mayKnowContent } from './entry-view';
import { FileFields } from './file-fields';

const EMPTY = Buffer.alloc(0);

/** Answers GET and HEAD of a file: conditions first, then ranges (RFC 9110 §13.2.2, §14). */
@Injectable()
export class FileResponse {
  constructor(
    private readonly files: FilesService,
    private readonly fields: FileFields,
  ) {}

  async send(caller: Caller, found: Existing, request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const { inode } = found;
    const content = inode.content;
    if (!content) throw new TypeError('only a file is answered with its content');
    const isHead = request.method === 'HEAD';
    const headers = this.fields.ofFile(inode, content, found.path.name);
    if (isHead && !mayKnowContent(caller.identity, inode)) {
      return sendFileHead(reply, 200, { ...headers, ETag: undefined, 'Repr-Digest': undefined });
    }

    const given = request.headers;
    const outcome = judgeRead(given, etagOf(content), inode.mtimeNs);
    if (outcome === 'failed') throw preconditionFailed(found.path.toString(), etagOf(content));
    if (outcome === 'not-modified') return sendFileHead(reply, 304, { ...headers, 'Content-Length': undefined });
    if (isHead) return sendFileHead(reply, 200, headers);
    if (given.range === undefined) return sendBody(reply, 200, headers, await this.files.read(caller, found));
    return this.sendRanges(caller, found, content, headers, request, reply);
  }

  private async sendRanges(
    caller: Caller,
    found: Existing,
    content: Content,
    headers: Headers,
    { headers: given }: FastifyRequest,
    reply: FastifyReply,
  ): Promise<void> {
    const ifRange = given['if-range'];
    const applies = rangeApplies(typeof ifRange === 'string' ? ifRange : undefined, etagOf(content), found.inode.mtimeNs);
    const wanted = parseRange(applies ? given.range : undefined, content.size);
    if (wanted.kind === 'none') return sendBody(reply, 200, headers, await this.files.read(caller, found));
    if (wanted.kind === 'unsatisfiable') throw notSatisfiable(content.size);
    const [only] = wanted.ranges;
    if (wanted.ranges.length === 1 && only) {
      const partial = { ...headers, 'Content-Length': only.length, 'Content-Range': contentRange(only, content.size) };
      return sendBody(reply, 206, partial, await this.files.read(caller, found, only));
    }
    const layout = multipartByteRanges(wanted.ranges, content.size, String(headers['Content-Type']));
    const partial = { ...headers, 'Content-Type': layout.contentType, 'Content-Length': layout.contentLength };
    return sendBody(reply, 206, partial, this.parts(caller, found, layout));
  }

  private async *parts(caller: Caller, found: Existing, layout: MultipartBody): BlobBody {
    for (const { head, range } of layout.parts) {
      yield head;
      yield* chunksOf(await this.files.read(caller, found, range));
    }
    yield layout.tail;
  }
}

function chunksOf(body: Buffer | BlobBody): Iterable<Buffer> | BlobBody {
  return Buffer.isBuffer(body) ? [body.length === 0 ? EMPTY : body] : body;
}

function preconditionFailed(path: string, etag: string): CallfsError {
  return new CallfsError(
    'PRECONDITION_FAILED',
    `A condition of the request does not hold for ${path}: its ETag is ${etag} now.`,
    {
      details: { path, current_etag: etag },
    },
  );
}

function notSatisfiable(size: number): CallfsError {
  return new CallfsError('RANGE_NOT_SATISFIABLE', `The file has ${size} bytes; none of them is in the range.`, {
    details: { size, content_range: unsatisfiedRange(size) },
  });
}
