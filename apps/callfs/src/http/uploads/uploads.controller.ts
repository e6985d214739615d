import { Controller, Delete, Head, Inject, Options, Patch, Post, Req, Res } from '@nestjs/common';
import { CallfsError } from '@callfs/core';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { CallfsConfig } from '../../config/config';
import { CALLFS_CONFIG } from '../../config/config.module';
import type { Caller } from '../../use-cases/caller';
import { entryEtagOf } from '../../use-cases/etag';
import { CHECKSUM_ALGORITHMS } from '../../use-cases/uploads/checksum';
import { isComplete, type UploadRecord } from '../../use-cases/uploads/upload-record';
import { UploadsService, type UploadProgress } from '../../use-cases/uploads/uploads.service';
import { Exchange } from '../exchange';
import { callerOf } from '../files/caller';
import { withConflictDetails } from '../files/conflict-details';
import { Placement } from '../files/placement';
import { PublicUrl } from '../public-url';
import { announcedLength, continueIfExpected, readBody } from '../request-body';
import { rawPathOf } from '../request-target';
import { sendEmpty, type Headers } from '../respond';
import { formatHttpDate } from '../semantics/http-date';
import { field } from '../semantics/request-fields';
import {
  parseUploadChecksum,
  parseUploadConcat,
  parseUploadLength,
  parseUploadMetadata,
  parseUploadOffset,
  PART_MEDIA_TYPE,
  TUS_EXTENSIONS,
  TUS_VERSION,
  UPLOADS,
} from './tus-headers';
import { DeleteUploadDocs, HeadUploadDocs, OptionsDocs, OverridingDocs, PatchUploadDocs, PostUploadDocs } from './upload-docs';
import { uploadPath, uploadTerms } from './upload-terms';

/** `/v1/uploads`: tus 1.0.0 (https://tus.io/protocols/resumable-upload), spoken over the use cases of uploads. */
@Controller()
export class UploadsController {
  constructor(
    private readonly uploads: UploadsService,
    private readonly placement: Placement,
    private readonly url: PublicUrl,
    @Inject(CALLFS_CONFIG) private readonly config: CallfsConfig,
  ) {}

  @Options('v1/uploads')
  @OptionsDocs()
  options(@Res() reply: FastifyReply): void {
    const { maxUploadBytes } = this.config.server;
    sendEmpty(reply, 204, {
      Allow: 'OPTIONS, POST',
      'Tus-Resumable': TUS_VERSION,
      'Tus-Version': TUS_VERSION,
      'Tus-Extension': TUS_EXTENSIONS,
      'Tus-Max-Size': maxUploadBytes > 0 ? maxUploadBytes : undefined,
      'Tus-Checksum-Algorithm': CHECKSUM_ALGORITHMS.join(','),
    });
  }

  @Post('v1/uploads')
  @PostUploadDocs()
  async create(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const exchange = this.enter(request);
    const caller = callerOf(request);
    const made = await this.begin(caller, request).catch((error: unknown) => {
      throw withConflictDetails(error, this.placement, this.url, 'upload');
    });
    // Also an error of what follows tells where the upload is: it can be gone on with.
    const location = { Location: `${UPLOADS}/${made.upload.id}` };
    exchange.fields = { ...exchange.fields, ...location };
    const { upload } = this.hasPart(request) ? await this.append(caller, made.upload.id, 0, request) : made;
    sendEmpty(reply, 201, { ...progress(upload), ...etag(made) });
  }

  @Head('v1/uploads/:id')
  @HeadUploadDocs()
  async status(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    this.enter(request);
    const { upload } = await this.uploads.status(callerOf(request), idOf(request));
    sendEmpty(reply, 200, {
      ...progress(upload),
      'Upload-Length': upload.size,
      'Upload-Metadata': upload.metadata || undefined,
      'Upload-Concat': concatOf(upload),
      'Cache-Control': 'no-store',
    });
  }

  @Patch('v1/uploads/:id')
  @PatchUploadDocs()
  async patch(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    this.enter(request);
    const caller = callerOf(request);
    if (!this.hasPart(request)) {
      throw new CallfsError('UNSUPPORTED_MEDIA_TYPE', `The bytes of an upload are sent as Content-Type: ${PART_MEDIA_TYPE}.`);
    }
    const offset = parseUploadOffset(field(request.headers, 'upload-offset'));
    const made = await this.append(caller, idOf(request), offset, request);
    sendEmpty(reply, 204, { ...progress(made.upload), ...etag(made) });
  }

  @Delete('v1/uploads/:id')
  @DeleteUploadDocs()
  async terminate(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    this.enter(request);
    await this.uploads.terminate(callerOf(request), idOf(request));
    sendEmpty(reply, 204);
  }

  /** The protocol has this for clients and proxies that know no PATCH or DELETE, as `overridePatchMethod` of tus-js-client. */
  @Post('v1/uploads/:id')
  @OverridingDocs()
  async overridden(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const method = field(request.headers, 'x-http-method-override');
    if (method === 'PATCH') return this.patch(request, reply);
    if (method === 'DELETE') return this.terminate(request, reply);
    this.enter(request);
    const message = 'An upload that has begun takes POST only with X-HTTP-Method-Override: PATCH, or DELETE.';
    throw new CallfsError('METHOD_NOT_ALLOWED', message, { details: { allow: 'DELETE, HEAD, OPTIONS, PATCH' } });
  }

  /** Every answer says the version, and none is given to another one. */
  private enter(request: FastifyRequest): Exchange {
    const exchange = Exchange.of(request.raw);
    exchange.fields = { 'Tus-Resumable': TUS_VERSION };
    if (request.headers['tus-resumable'] === TUS_VERSION) return exchange;
    exchange.fields = { ...exchange.fields, 'Tus-Version': TUS_VERSION };
    throw new CallfsError('UNSUPPORTED_TUS_VERSION', `Say which protocol this is: Tus-Resumable: ${TUS_VERSION}.`);
  }

  private async begin(caller: Caller, { headers }: FastifyRequest): Promise<UploadProgress> {
    const metadata = field(headers, 'upload-metadata') ?? '';
    const values = parseUploadMetadata(metadata);
    const concat = parseUploadConcat(field(headers, 'upload-concat'));
    if (concat !== undefined && concat !== 'partial') {
      if (headers['upload-length'] !== undefined)
        throw new CallfsError('INVALID_REQUEST', 'A final upload is as long as its parts: leave Upload-Length out.');
      const wanted = { path: uploadPath(values), terms: uploadTerms(values, headers), metadata };
      return this.uploads.concatenate(caller, concat, wanted);
    }
    const size = parseUploadLength(field(headers, 'upload-length'));
    if (concat === 'partial') return { upload: await this.uploads.createPartial(caller, { metadata, size }) };
    return this.uploads.create(caller, { path: uploadPath(values), terms: uploadTerms(values, headers), metadata, size });
  }

  private async append(caller: Caller, id: string, offset: number, request: FastifyRequest): Promise<UploadProgress> {
    const body = {
      chunks: readBody(request),
      size: announcedLength(request),
      checksum: parseUploadChecksum(field(request.headers, 'upload-checksum')),
      accepted: () => continueIfExpected(request),
    };
    try {
      return await this.uploads.append(caller, id, offset, body);
    } catch (error) {
      if (CallfsError.is(error, 'UPLOAD_OFFSET_MISMATCH')) {
        const exchange = Exchange.of(request.raw);
        exchange.fields = { ...exchange.fields, 'Upload-Offset': Number(error.details.offset) };
      }
      throw withConflictDetails(error, this.placement, this.url, 'upload');
    }
  }

  private hasPart({ headers }: FastifyRequest): boolean {
    return headers['content-type']?.split(';')[0]?.trim().toLowerCase() === PART_MEDIA_TYPE;
  }
}

/** As it stands in the URL: an id has no escapes, so nothing is decoded. What is none is the id of no upload. */
function idOf(request: FastifyRequest): string {
  return rawPathOf(request, UPLOADS).slice(1);
}

function progress(upload: UploadRecord): Headers {
  const goesOn = upload.state === 'open' && !(isComplete(upload) && upload.kind !== 'partial');
  return {
    'Upload-Offset': upload.received,
    'Upload-Expires': goesOn ? formatHttpDate(upload.expiresMs) : undefined,
  };
}

function etag({ outcome }: UploadProgress): Headers {
  return { ETag: outcome && entryEtagOf(outcome.inode) };
}

function concatOf({ kind, sources }: UploadRecord): string | undefined {
  if (kind === 'partial') return 'partial';
  return kind === 'final' ? `final;${sources.map((id) => `${UPLOADS}/${id}`).join(' ')}` : undefined;
}
