/** A resolved part of a content: `offset` and `length` in bytes, both inside the content, `length` at least 1. */
export interface ByteRange {
  readonly offset: number;
  readonly length: number;
}
