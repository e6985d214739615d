import { crc32 } from 'node:zlib';
import type { StorageKey } from '@callfs/core';
import { BLOCK_BYTES, FOOTER_BYTES, SUM_BYTES, writeFooter } from './blob-format';

/** The sums of a content as it is written, in pieces of any length. */
export class BlockSums {
  private sums = Buffer.alloc(256);
  private size = 0;
  /** Of the block that is not full yet. */
  private begun = 0;

  add(content: Uint8Array): void {
    for (let taken = 0; taken < content.length;) {
      const part = content.subarray(taken, taken + BLOCK_BYTES - (this.size % BLOCK_BYTES));
      this.begun = crc32(part, this.begun);
      this.size += part.length;
      taken += part.length;
      if (this.size % BLOCK_BYTES === 0) this.endBlock();
    }
  }

  get trailerLength(): number {
    return Math.ceil(this.size / BLOCK_BYTES) * SUM_BYTES + FOOTER_BYTES;
  }

  /** Writes what comes behind the content to `trailer`, which is `trailerLength` long. */
  writeTrailer(trailer: Buffer, key: StorageKey): void {
    const sumsLength = trailer.length - FOOTER_BYTES;
    const whole = Math.floor(this.size / BLOCK_BYTES) * SUM_BYTES;
    this.sums.copy(trailer, 0, 0, whole);
    if (whole < sumsLength) trailer.writeUInt32LE(this.begun, whole);
    writeFooter(trailer.subarray(sumsLength), key, this.size);
  }

  private endBlock(): void {
    const at = (this.size / BLOCK_BYTES - 1) * SUM_BYTES;
    if (at === this.sums.length) {
      const grown = Buffer.alloc(2 * this.sums.length);
      this.sums.copy(grown);
      this.sums = grown;
    }
    this.sums.writeUInt32LE(this.begun, at);
    this.begun = 0;
  }
}
