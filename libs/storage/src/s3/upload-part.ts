import { storageFailure } from '../localfs/localfs-errors';
import type { ByteBudget, ByteLease } from './byte-budget';
import type { Spool, SpoolFile } from './spool';

/** Where the parts of all uploads of a provider are until the server has them. */
export interface PartPlaces {
  /** For parts from their first byte on, and while they are sent. */
  readonly memory: ByteBudget;
  readonly spool: Spool;
  /** For parts that came to the spool, while they are sent. No client can hold it up. */
  readonly sending: ByteBudget;
}

/**
 * One part of an upload while it comes and while it is sent. It comes to memory if there is any, or will be without a client's
 * doing; else to the spool, and is read from there when it is whole, since only what is in memory can be sent again. So
 * nobody waits for memory that a slow client has. Where the disk does not take it, now or in the middle, it waits for memory
 * all the same; it has none itself then, so others do not wait for it.
 */
export class UploadPart {
  private file: SpoolFile | undefined;
  private lease: ByteLease | undefined;
  private buffer: Buffer | undefined;
  private filled = 0;

  private constructor(
    private readonly places: PartPlaces,
    private readonly length: number,
    private readonly signal: AbortSignal,
  ) {}

  static async open(places: PartPlaces, length: number, signal: AbortSignal): Promise<UploadPart> {
    const part = new UploadPart(places, length, signal);
    const lease = await places.memory.acquireSoon(length, signal);
    if (lease) part.occupy(lease, length);
    else part.file = await places.spool.open(length);
    if (!lease && !part.file) part.occupy(await places.memory.acquire(length, signal), length);
    return part;
  }

  /** Bytes that it still takes. */
  get room(): number {
    return this.length - this.filled;
  }

  /** No more than there is room for. The memory of `bytes` is the caller's again when it resolves. */
  async append(bytes: Uint8Array): Promise<void> {
    try {
      await this.file?.write(bytes, this.filled);
    } catch {
      await this.leaveSpool();
    }
    this.buffer?.set(bytes, this.filled);
    this.filled += bytes.length;
  }

  /** All that came, in memory until it is released. */
  async whole(): Promise<Buffer> {
    if (this.file) {
      const lease = await this.places.sending.acquire(this.filled, this.signal);
      await this.readBack(lease, this.filled);
    }
    this.lease?.willReturn();
    return this.buffer?.subarray(0, this.filled) ?? Buffer.alloc(0);
  }

  /** Frees its place. */
  async release(): Promise<void> {
    this.buffer = undefined;
    this.lease?.release();
    await this.closeFile();
  }

  /** The memory is the system's until it is written to, so that a slow body occupies what has come. */
  private occupy(lease: ByteLease, length: number): Buffer {
    this.lease = lease;
    return (this.buffer = Buffer.allocUnsafeSlow(length));
  }

  private async leaveSpool(): Promise<void> {
    await this.readBack(await this.places.memory.acquire(this.length, this.signal), this.length);
  }

  private async readBack(lease: ByteLease, length: number): Promise<void> {
    const buffer = this.occupy(lease, length);
    const read = await this.file?.read(buffer.subarray(0, this.filled));
    if (read !== this.filled) throw storageFailure('read a file', new Error(`${read} bytes of ${this.filled} are in the spool`));
    await this.closeFile();
  }

  private async closeFile(): Promise<void> {
    const file = this.file;
    this.file = undefined;
    await file?.close();
  }
}
