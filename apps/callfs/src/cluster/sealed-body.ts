import { createHash, timingSafeEqual } from 'node:crypto';
import { CallfsError } from '@callfs/core';
import { SEAL_BYTES, type PeerSecret } from './peer-signature';

const OVER = { done: true, value: undefined } as const;

/** A body with its seal behind it. The chunks are copies: the source may use its memory again as soon as it is asked for more. */
export function sealed(body: AsyncIterable<Uint8Array>, nonce: string, secret: PeerSecret): AsyncIterable<Buffer> {
  const hash = createHash('sha256');
  const chunks = body[Symbol.asyncIterator]();
  let isSealed = false;
  const next = async (): Promise<IteratorResult<Buffer, undefined>> => {
    if (isSealed) return OVER;
    for (;;) {
      const result = await chunks.next();
      if (result.done) {
        isSealed = true;
        return { done: false, value: secret.sealOf(nonce, hash.digest()) };
      }
      if (result.value.length === 0) continue;
      hash.update(result.value);
      return { done: false, value: Buffer.from(result.value) };
    }
  };
  const leave = async () => {
    if (!isSealed) await chunks.return?.();
    isSealed = true;
    return OVER;
  };
  return { [Symbol.asyncIterator]: () => ({ next, return: leave }) };
}

/** What was sealed, without the seal; ends with `DIGEST_MISMATCH` instead of its end when the seal is not right. */
export async function* unsealed(body: AsyncIterable<Buffer>, nonce: string, secret: PeerSecret): AsyncGenerator<Buffer> {
  const hash = createHash('sha256');
  let tail = Buffer.alloc(0);
  for await (const chunk of body) {
    if (chunk.length < SEAL_BYTES) {
      const both = Buffer.concat([tail, chunk]);
      const content = both.subarray(0, Math.max(0, both.length - SEAL_BYTES));
      tail = both.subarray(content.length);
      if (content.length > 0) yield hashed(content);
      continue;
    }
    if (tail.length > 0) yield hashed(tail);
    const content = chunk.subarray(0, chunk.length - SEAL_BYTES);
    tail = Buffer.from(chunk.subarray(content.length));
    if (content.length > 0) yield hashed(content);
  }
  if (tail.length !== SEAL_BYTES || !timingSafeEqual(tail, secret.sealOf(nonce, hash.digest())))
    throw new CallfsError('DIGEST_MISMATCH', 'What arrived is not what the other node sent, so nothing was stored.');

  function hashed(content: Buffer): Buffer {
    hash.update(content);
    return content;
  }
}
