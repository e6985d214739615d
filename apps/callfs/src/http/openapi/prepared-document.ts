import { hash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { acceptsGzip } from '../semantics/accept-encoding';
import { clientHas } from '../semantics/conditions';

/** A form in which the document goes out. */
interface Representation {
  readonly body: Buffer;
  readonly etag: string;
  readonly encoding?: 'gzip';
}

const ETAG_DIGITS = 16;

/**
 * The OpenAPI document as it is sent: made when it is first asked for, and the same bytes from then on, whoever asks and
 * without a key. It is asked about again each time (`no-cache`), since another version of the program has another.
 */
export class PreparedDocument {
  private forms: { readonly plain: Representation; readonly gzip: Representation } | undefined;

  constructor(private readonly build: () => object) {}

  /** GET and HEAD: 304 for whoever has it, compressed for whoever takes that. */
  answer({ headers }: FastifyRequest, reply: FastifyReply): void {
    this.forms ??= formsOf(this.build());
    const { body, etag, encoding } = acceptsGzip(headers['accept-encoding']) ? this.forms.gzip : this.forms.plain;
    void reply.headers({ ETag: etag, Vary: 'Accept-Encoding', 'Cache-Control': 'no-cache' });
    const ifNoneMatch = headers['if-none-match'];
    if (ifNoneMatch !== undefined && clientHas(ifNoneMatch, etag)) {
      void reply.code(304).send();
      return;
    }
    if (encoding) void reply.header('Content-Encoding', encoding);
    void reply.header('Content-Type', 'application/json').send(body);
  }
}

/** Each has a tag of its own, for their bytes are not the same (RFC 9110 §8.8.3.3). */
function formsOf(document: object) {
  const body = Buffer.from(JSON.stringify(document));
  const tag = hash('sha256', body, 'hex').slice(0, ETAG_DIGITS);
  return {
    plain: { body, etag: `"${tag}"` },
    gzip: { body: gzipSync(body), etag: `"${tag}-gzip"`, encoding: 'gzip' as const },
  };
}
