import type { StorageKey } from '@callfs/core';
import { blockCount, FOOTER_BYTES, SUM_BYTES, writeFooter, writeSums } from './blob-format';

/** The sums of a content as it is written, piece by piece. */
export class BlockSums {
  private sums = Buffer.alloc(256);
  private size = 0;

  /** Takes the next piece. All but the last are whole blocks. */
  add(content: Buffer): void {
    const at = blockCount(this.size) * SUM_BYTES;
    const end = at + blockCount(content.length) * SUM_BYTES;
    if (end > this.sums.length) {
      const grown = Buffer.alloc(Math.max(end, 2 * this.sums.length));
      this.sums.copy(grown);
      this.sums = grown;
    }
    writeSums(content, this.sums, at);
    this.size += content.length;
  }

  get trailerLength(): number {
    return blockCount(this.size) * SUM_BYTES + FOOTER_BYTES;
  }

  /** Writes what comes behind the content to `trailer`, which is `trailerLength` long. */
  writeTrailer(trailer: Buffer, key: StorageKey): void {
    const sumsLength = trailer.length - FOOTER_BYTES;
    this.sums.copy(trailer, 0, 0, sumsLength);
    writeFooter(trailer.subarray(sumsLength), key, this.size);
  }
}
