import { Logger } from '@nestjs/common';
import { VirtualPath } from '@callfs/core';
import type { Caller } from '../caller';
import type { ContentStager, StagedContent } from '../content-stager';
import type { FilesService } from '../files.service';
import type { WriteOutcome } from '../write-outcome';
import type { UploadBlobs } from './upload-blobs';
import type { UploadPart, UploadRecord } from './upload-record';
import type { UploadTable } from './upload-table';

/**
 * Makes a complete upload a file: the commit of a PUT, with path, permission and conditions judged again, and the state of
 * the upload in its transaction, so that it happens once, whoever does not hear of it. An upload in one part gives its blob
 * to the file; those in several are written once more, in order.
 */
export class UploadFinisher {
  private readonly logger = new Logger(UploadFinisher.name);

  constructor(
    private readonly table: UploadTable,
    private readonly blobs: UploadBlobs,
    private readonly files: FilesService,
    private readonly stager: ContentStager,
  ) {}

  /**
   * `upload` was claimed. Every condition of a PUT; then the upload is as it was. It goes on without a client: the
   * bytes are all there.
   */
  async finish({ identity, requestId, note }: Caller, upload: UploadRecord): Promise<WriteOutcome> {
    const parts = await this.partsOf(upload);
    const { terms, size } = upload;
    const path = VirtualPath.fromText(upload.path ?? '');
    const write = { ...terms, mode: terms.overwrite ? 'put' : 'create', receipt: this.table.receipt(upload) } as const;
    const caller = { identity, requestId, note };
    const whole = this.wholeOf(upload, parts);
    const outcome = whole
      ? await this.files.adopt(caller, path, write, whole)
      : await this.files.write(caller, path, { ...write, body: { chunks: this.blobs.assemble(parts), size } });
    // It is a file, whatever becomes of its parts.
    await this.freeParts(upload.id).catch((error: unknown) => {
      this.logger.warn({ err: error, upload: upload.id }, 'could not free the parts of an upload; it is tried again');
    });
    return outcome;
  }

  /** Frees what an upload that is over has left. */
  async freeParts(id: string): Promise<void> {
    await this.blobs.free(await this.table.dropParts(id));
  }

  private async partsOf({ id, sources }: UploadRecord): Promise<UploadPart[]> {
    const parts: UploadPart[] = [];
    for (const source of sources.length > 0 ? sources : [id]) parts.push(...(await this.table.parts(source)));
    return parts;
  }

  /** The blob that can become the file's as it is. */
  private wholeOf({ size }: UploadRecord, parts: readonly UploadPart[]): StagedContent | undefined {
    const [only] = parts;
    if (parts.length !== 1 || !only || only.size !== size || only.sha256 === null) return undefined;
    return this.stager.adopt(only.replica, size, only.sha256);
  }
}
