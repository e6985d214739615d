import { createHash } from 'node:crypto';

/** Numbers that look random and are the same for the same seed (mulberry32). */
export class Random {
  private state: number;

  constructor(readonly seed: number) {
    this.state = seed >>> 0;
  }

  /** From 0 up to, not including, 1. */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.state ^ (this.state >>> 15), this.state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  }

  /** A whole number from 0 up to, not including, `end`. */
  below(end: number): number {
    return Math.floor(this.next() * end);
  }

  pick<T>(items: readonly T[]): T {
    if (items.length === 0) throw new Error('Nothing to pick from.');
    return items[this.below(items.length)] as T;
  }

  bytes(length: number): Buffer {
    const bytes = Buffer.allocUnsafe(length);
    for (let at = 0; at < length; at += 4) {
      const word = Math.floor(this.next() * 4294967296);
      for (let i = 0; i < 4 && at + i < length; i++) bytes[at + i] = (word >>> (8 * i)) & 0xff;
    }
    return bytes;
  }
}

/** The same bytes for the same seed, quickly: one random block, repeated and stamped with its position. */
export function patternBytes(seed: number, length: number): Buffer {
  const block = new Random(seed).bytes(4096);
  const bytes = Buffer.allocUnsafe(length);
  for (let at = 0; at < length; at += block.length) block.copy(bytes, at);
  for (let at = 0; at + 4 <= length; at += block.length) bytes.writeUInt32LE((at / block.length + seed) >>> 0, at);
  return bytes;
}

export function sha256(bytes: Buffer | string): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** `sha-256=:…:`, as `Content-Digest` and `Repr-Digest` have it (RFC 9530). */
export function digestField(bytes: Buffer | string, algorithm: 'sha-256' | 'sha-512' = 'sha-256'): string {
  const name = algorithm.replace('-', '');
  return `${algorithm}=:${createHash(name).update(bytes).digest('base64')}:`;
}
