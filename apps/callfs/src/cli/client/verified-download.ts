import { createHash } from 'node:crypto';
import { Transform, type Readable, type TransformCallback } from 'node:stream';
import type { VirtualPath } from '@callfs/core';
import { CommandFailure, EXIT } from '../exit-codes';
import type { FileClient } from './file-client';

/** A file's bytes; the stream fails at its end when they are not those that the file's digest tells of. */
export async function verifiedDownload(client: FileClient, path: VirtualPath): Promise<Readable> {
  const { stream, sha256 } = await client.download(path);
  return sha256 === undefined ? stream : verified(stream, sha256);
}

function verified(stream: Readable, sha256: string): Readable {
  const hash = createHash('sha256');
  const check = new Transform({
    transform(chunk: Buffer, _encoding, done: TransformCallback) {
      hash.update(chunk);
      done(null, chunk);
    },
    flush(done: TransformCallback) {
      const intact = hash.digest('base64') === sha256;
      done(intact ? null : new CommandFailure('the bytes that came are not those that the server has. Try again.', EXIT.failed));
    },
  });
  stream.once('error', (error) => check.destroy(error));
  check.once('close', () => stream.destroy());
  return stream.pipe(check);
}
