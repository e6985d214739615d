import { Injectable } from '@nestjs/common';
import { Authenticator } from '@callfs/auth';
import { VirtualPath } from '@callfs/core';
import { FilesService, type Upload } from '../../use-cases/files.service';
import { writeError } from '../error-response';
import type { Exchange } from '../exchange';
import type { QuickAnswer } from '../front';
import { RequestCaller } from './caller';
import { OutcomeResponse } from './outcome-response';
import { FILES_PREFIX, FILES_ROUTE } from './routes';
import { readUpload } from './upload-request';

/** Of larger bodies it is the bytes that cost. */
const SMALL_BYTES = 64 * 1024;

/**
 * PUT of a small file past router and framework: the use case is the same, with the same judgements in the same order, and
 * so are the answers (`test/http/quick-write.spec.ts` compares). Whatever is not the plain case is not answered here.
 */
@Injectable()
export class QuickWrite implements QuickAnswer {
  constructor(
    private readonly files: FilesService,
    private readonly outcomes: OutcomeResponse,
    private readonly authenticator: Authenticator,
  ) {}

  answer(exchange: Exchange): boolean {
    const { request, target } = exchange;
    if (!target.path.startsWith(FILES_PREFIX) || target.query !== '') return false;
    const { headers } = request;
    if (headers['transfer-encoding'] !== undefined || exchange.awaitsContinue) return false;
    const identity = this.authenticator.recognise(headers.authorization);
    if (!identity) return false;
    const caller = new RequestCaller(exchange, identity);
    let path: VirtualPath;
    let upload: Upload;
    try {
      path = VirtualPath.fromUrl(target.path.slice(FILES_PREFIX.length));
      upload = readUpload({ raw: request }, caller, 'put');
    } catch {
      return false;
    }
    if (upload.body.size === undefined || upload.body.size > SMALL_BYTES) return false;
    exchange.identity = identity;
    exchange.route = FILES_ROUTE;
    this.files.write(caller, path, upload).then(
      (outcome) => this.outcomes.send(exchange, identity, outcome),
      (error: unknown) => writeError(exchange, error),
    );
    return true;
  }
}
