import { createHash } from 'node:crypto';
import { Transform, type Readable, type TransformCallback } from 'node:stream';
import type { VirtualPath } from '@callfs/core';
import { CommandFailure, EXIT } from '../exit-codes';
import { brokeOff, type FileClient } from './file-client';

/** A file's bytes; the stream fails at its end when they are not those that the file's digest tells of. */
export async function verifiedDownload(client: FileClient, path: VirtualPath): Promise<Readable> {
  const { stream, sha256 } = await client.download(path);
  const checked = verified(sha256);
  stream.once('error', (error) => checked.destroy(brokeOff(path, error)));
  checked.once('close', () => stream.destroy());
  return stream.pipe(checked);
}

/** Without a digest to compare with, whatever comes. */
function verified(sha256: string | undefined): Transform {
  const hash = createHash('sha256');
  return new Transform({
    transform(chunk: Buffer, _encoding, done: TransformCallback) {
      hash.update(chunk);
      done(null, chunk);
    },
    flush(done: TransformCallback) {
      const intact = sha256 === undefined || hash.digest('base64') === sha256;
      done(intact ? null : new CommandFailure('the bytes that came are not those that the server has. Try again.', EXIT.failed));
    },
  });
}
