import type { ServerResponse } from 'node:http';
import { Injectable } from '@nestjs/common';
import { Authenticator, type Identity } from '@callfs/auth';
import { VirtualPath, type ByteRange, type Content, type Inode } from '@callfs/core';
import { FilesService, type Quick } from '../../use-cases/files.service';
import { writeError } from '../error-response';
import type { Exchange } from '../exchange';
import type { QuickAnswer } from '../front';
import { contentRange, parseRange } from '../semantics/byte-ranges';
import { isActiveContent } from '../semantics/content-disposition';
import { writeAtOnce } from '../write-at-once';
import { FileFields } from './file-fields';
import { FILES_PREFIX, FILES_ROUTE } from './routes';

/** With any of these, or a body, the ordinary way decides. */
const DECIDING_FIELDS = [
  'if-range',
  'if-match',
  'if-none-match',
  'if-modified-since',
  'if-unmodified-since',
  'expect',
  'upgrade',
] as const;

/**
 * GET (of all or one part) and HEAD of a file whose everything is in memory, answered in the turn in which they come:
 * what the ordinary way through router, framework and promises would answer, byte for byte
 * (`test/http/quick-read.spec.ts` compares), for a third of its cost. Whatever is not the plain case is not answered here.
 */
@Injectable()
export class QuickRead implements QuickAnswer {
  private heads = new WeakMap<Inode, Head>();
  private headsFor = 0;
  /** Of answers whose client has not taken all of them yet. */
  private bytesOnTheirWay = 0;

  constructor(
    private readonly files: FilesService,
    private readonly fields: FileFields,
    private readonly authenticator: Authenticator,
  ) {}

  /** Whether it has answered, or will, or will call `otherwise`; if not, nothing has happened. */
  answer(exchange: Exchange, otherwise: () => void): boolean {
    const { request, response, target } = exchange;
    const isGet = request.method === 'GET';
    if (!target.path.startsWith(FILES_PREFIX) || target.query !== '') return false;
    const { headers } = request;
    if (exchange.hasBody || !response.shouldKeepAlive || request.httpVersionMinor !== 1) return false;
    for (const name of DECIDING_FIELDS) if (headers[name] !== undefined) return false;
    const identity = this.authenticator.recognise(headers.authorization);
    if (!identity) return false;
    let path: VirtualPath;
    try {
      path = VirtualPath.fromUrl(target.path.slice(FILES_PREFIX.length));
    } catch {
      return false;
    }
    const found = this.files.openNow(identity, path, { data: isGet });
    if (found) return this.send(exchange, identity, path, found);
    const soon = this.files.openSoon(identity, path, { data: isGet });
    void soon?.then(
      (opened) => {
        if (response.destroyed) return;
        // It may have become the last answer on its connection meanwhile.
        if (!(opened && response.shouldKeepAlive && this.send(exchange, identity, path, opened))) otherwise();
      },
      (error: unknown) => {
        exchange.identity = identity;
        exchange.route = FILES_ROUTE;
        writeError(exchange, error);
      },
    );
    return soon !== undefined;
  }

  /** Whether it has answered with what was found. */
  private send(exchange: Exchange, identity: Identity, path: VirtualPath, found: Quick): boolean {
    const { request, response } = exchange;
    const isGet = request.method === 'GET';
    // Its name is among the fields, and names change without their inode.
    if (isActiveContent(found.inode.contentType)) return false;
    const range = isGet ? onePart(request.headers.range, found.content.size) : undefined;
    if (range === 'other') return false;
    const body = isGet ? this.bodyOf(found, range, response) : NO_BODY;
    if (!body) return false;
    exchange.identity = identity;
    exchange.route = FILES_ROUTE;
    const lines = `${this.linesOf(found, path.name, exchange, range)}X-Request-ID: ${exchange.requestId}\r\n`;
    writeAtOnce(response, range ? 206 : 200, lines, body);
    if (isGet) exchange.bytesOut += range?.length ?? found.content.size;
    return true;
  }

  private bodyOf(found: Quick, range: ByteRange | undefined, response: ServerResponse): readonly Buffer[] | undefined {
    const { inline, size } = found.content;
    if (inline) return this.files.readNow(found, range);
    const length = range?.length ?? size;
    // Slow clients hold what they have not taken, also when it is no longer kept for others.
    if (this.bytesOnTheirWay + length > ON_THEIR_WAY_BYTES) return undefined;
    const body = this.files.readNow(found, range);
    if (!body) return undefined;
    this.bytesOnTheirWay += length;
    response.once('close', () => (this.bytesOnTheirWay -= length));
    return body;
  }

  /** Every field but those that differ from one answer to the next. */
  private linesOf({ inode, content }: Quick, name: string, exchange: Exchange, range: ByteRange | undefined): string {
    if (this.headsFor !== this.fields.version) {
      this.heads = new WeakMap();
      this.headsFor = this.fields.version;
    }
    let head = this.heads.get(inode);
    if (!head) this.heads.set(inode, (head = this.makeHead(inode, content, name, exchange)));
    if (!range) return head.whole;
    const field = `Content-Range: ${contentRange(range, content.size)}\r\n`;
    return `${head.before}Content-Length: ${range.length}\r\n${head.after}${field}`;
  }

  private makeHead(inode: Inode, content: Content, name: string, exchange: Exchange): Head {
    let before = exchange.settings.heads.fileLines;
    let after = '';
    let isPast = false;
    for (const [field, value] of Object.entries(this.fields.ofFile(inode, content, name))) {
      if (field === 'Content-Length') isPast = true;
      else if (value !== undefined && isPast) after += `${field}: ${String(value)}\r\n`;
      else if (value !== undefined) before += `${field}: ${String(value)}\r\n`;
    }
    return { before, after, whole: `${before}Content-Length: ${content.size}\r\n${after}` };
  }
}

/** What `headers.range` asks for: a part, everything (`undefined`), or something that the ordinary way answers. */
function onePart(field: string | undefined, size: number): ByteRange | 'other' | undefined {
  if (field === undefined) return undefined;
  const wanted = parseRange(field, size);
  if (wanted.kind === 'none') return undefined;
  return wanted.kind === 'ranges' && wanted.ranges.length === 1 ? wanted.ranges[0] : 'other';
}

const NO_BODY: readonly Buffer[] = [];
/** Of larger content; further requests for such take the ordinary way, which waits for each client with a small piece. */
const ON_THEIR_WAY_BYTES = 64 * 2 ** 20;

/** Of the answers with one state of a file. */
interface Head {
  readonly whole: string;
  /** The fields around `Content-Length`, which a part has as well. */
  readonly before: string;
  readonly after: string;
}
