import { createReadStream } from 'node:fs';
import { PassThrough, type Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { parseEpochSeconds } from '@callfs/core';
import { extract, type Entry, type Headers } from 'tar-stream';
import type { TreeEntry, TreeReport, TreeSource } from './tree-entry';

const TYPES: Readonly<Partial<Record<NonNullable<Headers['type']>, TreeEntry['type']>>> = {
  file: 'file',
  'contiguous-file': 'file',
  directory: 'directory',
  symlink: 'symlink',
};

/** A tar archive, from standard input (`-`) or a file; one whose name ends with `gz` is unpacked on the way. */
export class TarSource implements TreeSource {
  readonly isSequential = true;
  private current: Entry | undefined;

  constructor(readonly name: string) {}

  async *entries(report: TreeReport): AsyncGenerator<TreeEntry> {
    const archive = extract();
    const input: Readable = this.name === '-' ? process.stdin : createReadStream(this.name);
    const plain = this.name.endsWith('gz') ? input.pipe(createGunzip()) : input;
    for (const stream of new Set([input, plain])) stream.once('error', (error) => archive.destroy(error));
    plain.pipe(archive);
    for await (const found of archive) {
      const { header } = found;
      const names = header.name.split('/').filter((name) => name !== '' && name !== '.');
      const type = TYPES[header.type ?? 'file'];
      if (names.includes('..')) report(names, new Error('its path leads out of the archive'));
      else if (type === undefined) report(names, new Error(`it is a ${header.type}, which cannot be stored`));
      else {
        this.current = found;
        yield entryOf(names, type, header);
      }
      // Whatever was not read of it stands before the next.
      found.resume();
    }
  }

  async open(): Promise<Readable> {
    const content = new PassThrough();
    const { current } = this;
    if (current === undefined) return content.end();
    current.on('data', (chunk: Buffer) => {
      if (content.destroyed || content.write(chunk)) return;
      current.pause();
      const goOn = () => current.resume();
      content.once('drain', goOn).once('close', goOn);
    });
    current.once('end', () => content.end());
    current.once('error', (error: Error) => content.destroy(error));
    return content;
  }
}

function entryOf(names: readonly string[], type: TreeEntry['type'], header: Headers): TreeEntry {
  const exact = (header as { pax?: Readonly<Record<string, string>> | null }).pax?.['mtime'];
  const mtimeNs = exact === undefined ? undefined : parseEpochSeconds(exact);
  return {
    names,
    type,
    size: type === 'file' ? (header.size ?? 0) : 0,
    mode: (header.mode ?? (type === 'directory' ? 0o755 : 0o644)) & 0o7777,
    uid: header.uid ?? 0,
    gid: header.gid ?? 0,
    mtimeNs: mtimeNs ?? BigInt(header.mtime?.getTime() ?? 0) * 1_000_000n,
    ...(type === 'symlink' && { target: header.linkname ?? '' }),
  };
}
