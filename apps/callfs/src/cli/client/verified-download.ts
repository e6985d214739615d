import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import type { VirtualPath } from '@callfs/core';
import { CommandFailure, EXIT } from '../exit-codes';
import { brokeOff, type Download, type FileClient } from './file-client';

/**
 * A file's bytes; the stream fails at its end when they are not those that the file's digest tells of. Where a transfer
 * breaks off that has brought something (a server waits for nobody whose own reader pauses), the rest is asked for, if the
 * file is still the same.
 */
export async function verifiedDownload(client: FileClient, path: VirtualPath): Promise<Readable> {
  const first = await client.download(path);
  const bytes = Readable.from(bytesOf(client, path, first), { objectMode: false });
  return bytes.once('close', () => first.stream.destroy());
}

async function* bytesOf(client: FileClient, path: VirtualPath, first: Download): AsyncGenerator<Buffer> {
  const hash = createHash('sha256');
  let received = 0;
  for (let part: Download | undefined = first; part !== undefined;) {
    const before = received;
    try {
      for await (const chunk of part.stream as AsyncIterable<Buffer>) {
        hash.update(chunk);
        received += chunk.length;
        yield chunk;
      }
      part = undefined;
    } catch (error) {
      if (first.etag === undefined || received === before) throw brokeOff(path, error);
      part = await client.download(path, { from: received, etag: first.etag });
    }
  }
  // Without a digest to compare with, whatever comes.
  if (first.sha256 !== undefined && hash.digest('base64') !== first.sha256)
    throw new CommandFailure('the bytes that came are not those that the server has. Try again.', EXIT.failed);
}
