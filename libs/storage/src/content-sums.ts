import { createHash, type Hash } from 'node:crypto';
import type { StorageKey } from '@callfs/core';
import { BlockSums } from './block-sums';

/** What belongs behind a content, and its SHA-256 in hexadecimal where that was asked for. */
export interface EndedSums {
  readonly trailer: Uint8Array;
  readonly sha256?: string;
}

/** The sums of a content as it is written, and its digest when that is wanted. */
export class ContentSums {
  private readonly blocks = new BlockSums();
  private readonly hash: Hash | undefined;

  constructor(wantsDigest: boolean) {
    if (wantsDigest) this.hash = createHash('sha256');
  }

  add(content: Uint8Array): void {
    this.blocks.add(content);
    this.hash?.update(content);
  }

  /** Once, with the last of the content. */
  end(last: Uint8Array, key: StorageKey): EndedSums {
    this.add(last);
    const trailer = Buffer.allocUnsafeSlow(this.blocks.trailerLength);
    this.blocks.writeTrailer(trailer, key);
    return { trailer, sha256: this.hash?.digest('hex') };
  }
}
