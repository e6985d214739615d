import { randomBytes } from 'node:crypto';
import { Logger } from '@nestjs/common';
import { requireVerb, requireWithin } from '@callfs/auth';
import { CallfsError, VirtualPath } from '@callfs/core';
import type { Caller } from '../caller';
import type { FilesService } from '../files.service';
import type { WriteOutcome } from '../write-outcome';
import type { UploadBlobs } from './upload-blobs';
import type { UploadFinisher } from './upload-finisher';
import { isComplete, type UploadRecord, type UploadTerms } from './upload-record';
import type { PartBody, UploadReceiver } from './upload-receiver';
import type { UploadSessions } from './upload-sessions';
import type { UploadFilter, UploadTable } from './upload-table';

/** An upload that is to become a file. */
export interface NewUpload {
  readonly path: VirtualPath;
  readonly terms: UploadTerms;
  readonly metadata: string;
  readonly size: number;
}

/** Where an upload is, and the file when it has just become one. */
export interface UploadProgress {
  readonly upload: UploadRecord;
  readonly outcome?: WriteOutcome;
}

/** An upload under way, for administrators. */
export interface OpenUpload extends UploadRecord {
  /** When a byte last came, or it was begun. */
  readonly lastActiveMs: number;
}

const ID_BYTES = 24;
const ID = /^[A-Za-z0-9_-]{32}$/;

/**
 * Uploads that come in parts, over as many connections as it takes. What was acknowledged is durable; an upload becomes a
 * file in one commit when its last byte is there, judged as a PUT is; until then nobody sees anything of it. An upload
 * belongs to the user who began it: for everybody else there is no such upload.
 */
export class UploadsService {
  private readonly logger = new Logger(UploadsService.name);

  constructor(
    private readonly table: UploadTable,
    private readonly sessions: UploadSessions,
    private readonly receiver: UploadReceiver,
    private readonly finisher: UploadFinisher,
    private readonly blobs: UploadBlobs,
    private readonly files: FilesService,
  ) {}

  /**
   * Begins an upload, judged as if it were a PUT now. One without bytes is a file at once. Every condition of the API's
   * table for PUT and POST.
   */
  async create(caller: Caller, { path, terms, metadata, size }: NewUpload): Promise<UploadProgress> {
    await this.files.judge(caller, path, { ...terms, mode: terms.overwrite ? 'put' : 'create' }, size);
    const upload = await this.insert(caller, { kind: 'plain', path: path.toString(), terms, metadata, size });
    if (size > 0) return { upload };
    return this.sessions.run(upload.id, () => this.finish(caller, upload));
  }

  /** Begins one that becomes a part of another and no file of its own. `PAYLOAD_TOO_LARGE`. */
  async createPartial(caller: Caller, { metadata, size }: Pick<NewUpload, 'metadata' | 'size'>): Promise<UploadRecord> {
    requireVerb(caller.identity, ['write']);
    this.files.refuseTooLarge(size);
    const terms = { overwrite: false, contentType: null };
    return this.insert(caller, { kind: 'partial', path: null, terms, metadata, size });
  }

  /**
   * Makes a file of partial uploads, in this order; they are used up by that. `INVALID_REQUEST` when one of them is not
   * complete or not partial, `UPLOAD_NOT_FOUND`, and the conditions of a PUT. Asked for again, it is as it was.
   */
  async concatenate(caller: Caller, sources: readonly string[], wanted: Omit<NewUpload, 'size'>): Promise<UploadProgress> {
    requireVerb(caller.identity, ['write']);
    requireWithin(caller.identity, wanted.path);
    const path = wanted.path.toString();
    const before = await this.table.findFinal(caller.identity.uid, path, sources);
    if (before) return { upload: before };
    let size = 0;
    for (const source of sources) size += (await this.completePartial(caller, source)).size;
    this.files.refuseTooLarge(size);
    const upload = await this.insert(caller, { ...wanted, kind: 'final', path, sources, size, received: size });
    let progress: UploadProgress;
    try {
      progress = await this.sessions.run(upload.id, () => this.finish(caller, upload));
    } catch (error) {
      await this.table.remove(upload.id);
      throw error;
    }
    for (const source of sources) await this.blobs.free((await this.table.end(source, 'used')) ?? []);
    return progress;
  }

  /**
   * Takes in bytes that begin at `offset`; with the last one the upload becomes a file. Whoever else is at it stops.
   * `UPLOAD_OFFSET_MISMATCH` when that is not where it stands, and what `UploadReceiver` and a PUT may say. `accepted` is
   * called when nothing speaks against the body any more.
   */
  async append(
    caller: Caller,
    id: string,
    offset: number,
    body: PartBody & { readonly accepted?: () => void },
  ): Promise<UploadProgress> {
    const { kind } = await this.owned(caller, id);
    if (kind === 'final') throw new CallfsError('PERMISSION_DENIED', 'A final upload is made of its parts and takes no bytes.');
    return this.sessions.run(id, async (signal) => {
      const upload = await this.claim(caller, id, offset);
      const left = upload.size - offset;
      if (body.size !== undefined && body.size > left) throw tooMuch(left);
      body.accepted?.();
      const now = upload.state === 'open' && left > 0 ? await this.receiver.receive(upload, body, signal) : upload;
      return this.finishIfComplete(caller, now);
    });
  }

  /**
   * Where an upload stands: whoever is sending bytes for it stops, so that it stays so. One whose bytes are all there
   * but whose commit nobody made, or was refused, becomes a file now: every condition of a PUT.
   */
  async status(caller: Caller, id: string): Promise<UploadProgress> {
    await this.owned(caller, id);
    return this.sessions.run(id, async () => {
      const upload = await this.owned(caller, id);
      if (upload.state !== 'open' || upload.kind === 'partial' || !isComplete(upload)) return { upload };
      return this.finishIfComplete(caller, await this.claim(caller, id, upload.received));
    });
  }

  /** Gives an upload up, with all of its bytes. A file that it has become stays. */
  async terminate(caller: Caller, id: string): Promise<void> {
    await this.owned(caller, id);
    await this.sessions.run(id, async () => this.blobs.free(await this.table.remove(id)));
  }

  /** Frees the parts that uploads have left whose end was cut short, so many of them at most. */
  async freeLeftParts(limit: number): Promise<void> {
    for (const id of await this.table.withLeftParts(limit)) await this.finisher.freeParts(id);
  }

  /** Open uploads of all users, for administrators. */
  async list(filter: UploadFilter): Promise<OpenUpload[]> {
    const uploads = await this.table.list(filter);
    return uploads.map((upload) => ({ ...upload, lastActiveMs: this.table.lastActiveMs(upload) }));
  }

  /** Ends an open upload of whoever, as its time would; whether there was one. */
  async expire(id: string): Promise<boolean> {
    return this.sessions.run(id, async () => {
      const blobs = await this.table.end(id, 'expired');
      await this.blobs.giveUp(blobs ?? []);
      return blobs !== undefined;
    });
  }

  /** The same, because an administrator wants it. */
  async expireNow({ identity, requestId, note }: Caller, id: string): Promise<boolean> {
    const path = (await this.table.find(id))?.path ?? null;
    note?.({ operation: 'uploads.expire', paths: path === null ? [] : [path], detail: id });
    const expired = await this.expire(id);
    if (expired) this.logger.warn({ user: identity.user, request_id: requestId, upload: id }, 'an upload was ended');
    return expired;
  }

  private insert(
    { identity }: Caller,
    upload: Pick<UploadRecord, 'kind' | 'path' | 'terms' | 'metadata' | 'size'> & Partial<UploadRecord>,
  ): Promise<UploadRecord> {
    const { uid, user } = identity;
    const id = randomBytes(ID_BYTES).toString('base64url');
    return this.table.insert({ sources: [], received: 0, ...upload, id, uid, user, state: 'open', attempt: 1 });
  }

  /** `UPLOAD_NOT_FOUND`, `UPLOAD_GONE`, `PERMISSION_DENIED` with a key that may not write there. */
  private async owned({ identity }: Caller, id: string): Promise<UploadRecord> {
    requireVerb(identity, ['write']);
    const upload = ID.test(id) ? await this.table.find(id) : undefined;
    if (upload?.uid !== identity.uid) throw new CallfsError('UPLOAD_NOT_FOUND', 'There is no such upload. Begin a new one.');
    if (upload.path !== null) requireWithin(identity, VirtualPath.fromText(upload.path));
    const isOver = upload.state === 'open' && upload.expiresMs <= upload.nowMs;
    if (!isOver && upload.state !== 'expired') return upload;
    await this.blobs.giveUp((await this.table.end(id, 'expired')) ?? []);
    throw new CallfsError('UPLOAD_GONE', 'The upload has expired and its bytes are gone. Begin a new one.');
  }

  /** An open upload becomes the caller's to change. One that has ended is as it is. */
  private async claim(caller: Caller, id: string, offset: number): Promise<UploadRecord> {
    const claimed = await this.table.claim(id, offset);
    if (claimed) return claimed;
    const upload = await this.owned(caller, id);
    if (upload.received === offset && upload.state !== 'open') return upload;
    const message = `The upload has ${upload.received} bytes and goes on there, not at ${offset}.`;
    throw new CallfsError('UPLOAD_OFFSET_MISMATCH', message, { details: { offset: upload.received } });
  }

  private async finishIfComplete(caller: Caller, upload: UploadRecord): Promise<UploadProgress> {
    if (upload.state !== 'open' || upload.kind === 'partial' || !isComplete(upload)) return { upload };
    return this.finish(caller, upload);
  }

  private async finish(caller: Caller, upload: UploadRecord): Promise<UploadProgress> {
    const outcome = await this.finisher.finish(caller, upload);
    return { upload: { ...upload, state: 'done' }, outcome };
  }

  private async completePartial(caller: Caller, id: string): Promise<UploadRecord> {
    const upload = await this.owned(caller, id);
    if (upload.kind === 'partial' && upload.state === 'open' && isComplete(upload)) return upload;
    const reason = upload.state === 'used' ? 'is part of a file already' : 'is not a complete partial upload';
    throw new CallfsError('INVALID_REQUEST', `One of the uploads to put together ${reason}.`, { details: { upload: id } });
  }
}

function tooMuch(left: number): CallfsError {
  return new CallfsError('PAYLOAD_TOO_LARGE', `The upload has ${left} bytes to come. Its length does not change.`, {
    details: { max_bytes: left },
  });
}
