import { Logger } from '@nestjs/common';
import { CallfsError, newStorageKey, type Replica } from '@callfs/core';
import type { StorageProvider } from '@callfs/storage';
import { ChecksumCheck, type Checksum } from './checksum';
import { PartSource } from './part-source';
import type { UploadBlobs } from './upload-blobs';
import type { UploadPart, UploadRecord } from './upload-record';
import { takenOver } from './upload-sessions';
import type { NewPart, UploadTable } from './upload-table';

/** Bytes that are sent in one request. */
export interface PartBody {
  readonly chunks: AsyncIterable<Uint8Array>;
  /** What the client announced. */
  readonly size?: number;
  /** Of all of them; without the whole none is kept. */
  readonly checksum?: Checksum;
}

const MIB = 1024 * 1024;
/** A longer body is recorded piece by piece: so much of it can be lost when the process dies. */
const PART_MAX_BYTES = 64 * MIB;
/** A shorter part is written again together with what follows it. */
const PART_MIN_BYTES = MIB;
/** An upload has at most about this many parts: those of a very large one are larger. */
const PARTS_MAX = 65_536;

/** How large the parts of an upload are to be. */
function partBounds(size: number): { min: number; max: number } {
  const min = Math.max(PART_MIN_BYTES, Math.ceil(size / PARTS_MAX));
  return { min, max: Math.max(PART_MAX_BYTES, min) };
}

/**
 * Takes the bytes of one request in and records them, part by part, each durable before the offset moves past it. What
 * came of a body that broke off is kept. A short part at the end is written again with what follows, so that an upload
 * of very many small requests has few parts.
 */
export class UploadReceiver {
  private readonly logger = new Logger(UploadReceiver.name);

  constructor(
    private readonly table: UploadTable,
    private readonly blobs: UploadBlobs,
    private readonly provider: StorageProvider,
    private readonly instanceId: string,
  ) {}

  /**
   * The upload as it is afterwards, for a body that came to its end. `CHECKSUM_MISMATCH`, `PAYLOAD_TOO_LARGE`,
   * `UPLOAD_TAKEN_OVER`, `BACKEND_UNAVAILABLE`, and the body's own error when it broke off: then what came is recorded.
   */
  async receive(upload: UploadRecord, body: PartBody, signal: AbortSignal): Promise<UploadRecord> {
    const source = new PartSource(body.chunks, upload.size - upload.received, signal, body.size);
    try {
      const now = await (body.checksum ? this.receiveChecked(upload, source, body.checksum) : this.receiveAll(upload, source));
      if (source.broken) throw source.broken;
      return now;
    } finally {
      source.close();
    }
  }

  private async receiveAll(upload: UploadRecord, source: PartSource): Promise<UploadRecord> {
    let now = upload;
    let tail = await this.shortTail(upload);
    while (await source.more()) {
      const part = await this.stage(now, now.received, tail, source);
      now = await this.record(now, [{ part, replaces: tail }]);
      tail = part.size < partBounds(upload.size).min ? part : undefined;
    }
    return now;
  }

  /** Nothing is recorded before the checksum of all of it was found to be right. */
  private async receiveChecked(upload: UploadRecord, source: PartSource, checksum: Checksum): Promise<UploadRecord> {
    const check = new ChecksumCheck(checksum);
    const staged: NewPart[] = [];
    try {
      let position = upload.received;
      let tail = await this.shortTail(upload);
      while (await source.more()) {
        const part = await this.stage(upload, position, tail, source, check);
        staged.push({ part, replaces: tail });
        position = part.position + part.size;
        tail = undefined;
      }
      if (source.broken) throw source.broken;
      check.verify();
    } catch (error) {
      await this.discard(staged);
      throw error;
    }
    return staged.length === 0 ? upload : this.record(upload, staged);
  }

  /** The last part, when it is short and here: it becomes the beginning of the next. */
  private async shortTail({ id, size, received }: UploadRecord): Promise<UploadPart | undefined> {
    if (received === 0) return undefined;
    const last = (await this.table.parts(id)).at(-1);
    return last && last.size < partBounds(size).min && this.isHere(last.replica) ? last : undefined;
  }

  private isHere({ backend, instanceId }: Replica): boolean {
    return backend === this.provider.name && instanceId === this.place;
  }

  private get place(): string {
    return this.provider.isShared ? '' : this.instanceId;
  }

  /** Writes the next part, durably, behind what `tail` has. */
  private async stage(
    { size }: UploadRecord,
    position: number,
    tail: UploadPart | undefined,
    source: PartSource,
    check?: ChecksumCheck,
  ): Promise<UploadPart> {
    const key = newStorageKey();
    const begin = tail?.position ?? position;
    const { max } = partBounds(size);
    const room = max - (tail?.size ?? 0);
    // Only a part that is all of the upload becomes the file's own blob, which needs it.
    const options = { sha256: begin === 0 && size <= max };
    const written = await this.provider.write(key, this.bytes(tail, source.take(room), check), options);
    const replica = { backend: this.provider.name, instanceId: this.place, key };
    return { position: begin, size: written.size, sha256: written.sha256 ?? null, replica };
  }

  private async *bytes(
    tail: UploadPart | undefined,
    added: AsyncIterable<Uint8Array>,
    check: ChecksumCheck | undefined,
  ): AsyncGenerator<Uint8Array> {
    if (tail) yield* await this.blobs.read(tail.replica);
    for await (const chunk of added) {
      check?.update(chunk);
      yield chunk;
    }
  }

  private async record(upload: UploadRecord, added: readonly NewPart[]): Promise<UploadRecord> {
    let now: UploadRecord | undefined;
    try {
      now = await this.table.append(upload, added);
    } catch (error) {
      // Where it is not known whether it got through, the sweep takes what no row refers to.
      if (CallfsError.is(error, 'METADATA_UNAVAILABLE')) await this.blobs.settle(added.map(({ part }) => part.replica));
      else await this.discard(added);
      throw CallfsError.is(error, 'BACKEND_UNAVAILABLE') ? givenUp(error) : error;
    }
    if (!now) {
      await this.discard(added);
      throw takenOver();
    }
    await this.blobs.settle(added.map(({ part }) => part.replica));
    await this.blobs.giveUp(added.flatMap(({ replaces }) => (replaces ? [replaces.replica] : [])));
    return now;
  }

  /** Of parts that no row refers to. */
  private async discard(staged: readonly NewPart[]): Promise<void> {
    for (const { part } of staged) {
      await this.provider
        .delete(part.replica.key)
        .catch((error: unknown) => this.logger.warn({ err: error }, 'could not discard a part; the sweep will'));
    }
  }
}

function givenUp(cause: CallfsError): CallfsError {
  const message =
    'The bytes took so long (storage.orphan_grace) that they were given up. Ask with HEAD how much of the upload is stored, and go on there.';
  return new CallfsError('BACKEND_UNAVAILABLE', message, { cause });
}
