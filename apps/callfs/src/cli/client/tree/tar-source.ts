import { createReadStream } from 'node:fs';
import { PassThrough, Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { parseEpochSeconds } from '@callfs/core';
import { extract, type Entry, type Headers } from 'tar-stream';
import { steady } from '../steady';
import type { TreeEntry, TreeReport, TreeSource } from './tree-entry';
import { withoutSparseMaps } from './without-sparse-maps';

const TYPES: Readonly<Partial<Record<NonNullable<Headers['type']>, TreeEntry['type']>>> = {
  file: 'file',
  'contiguous-file': 'file',
  directory: 'directory',
  symlink: 'symlink',
  link: 'hardlink',
};
/** What stands for bytes that are not UTF-8, once they are read as if they were. */
const REPLACEMENT = '\ufffd';

/** A tar archive, from standard input (`-`) or a file; one whose name ends with `gz` is unpacked on the way. */
export class TarSource implements TreeSource {
  readonly isSequential = true;
  private current: Entry | undefined;

  constructor(readonly name: string) {}

  async *entries(report: TreeReport): AsyncGenerator<TreeEntry> {
    // Before POSIX, headers did not name their format; their checksums count all the same.
    const archive = extract({ allowUnknownFormat: true });
    const input: Readable = this.name === '-' ? process.stdin : createReadStream(this.name);
    const plain = this.name.endsWith('gz') ? input.pipe(createGunzip()) : input;
    const known = Readable.from(withoutSparseMaps(plain), { objectMode: false });
    for (const stream of new Set([input, plain, known])) stream.once('error', (error) => archive.destroy(error));
    known.pipe(archive);
    for await (const found of archive) {
      const { header } = found;
      const names = namesOf(header.name);
      const type = header.type ? TYPES[header.type] : undefined;
      const refusal = refusalOf(header, names);
      if (type === undefined || refusal !== undefined) report(names, new Error(refusal));
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
    return steady(content);
  }
}

function namesOf(path: string): string[] {
  return path.split('/').filter((name) => name !== '' && name !== '.');
}

/** Why an entry cannot be stored as it is; undefined when it can. */
function refusalOf(header: Headers, names: readonly string[]): string | undefined {
  const isHardlink = header.type === 'link';
  if (names.includes('..')) return 'its path leads out of the archive';
  if (isHardlink && namesOf(header.linkname ?? '').includes('..')) return 'it is a link to what is not in the archive';
  // Two such names may have become one.
  if (header.name.includes(REPLACEMENT)) return 'its name is not UTF-8. Give it one that is, and pack the archive again';
  if (header.linkname?.includes(REPLACEMENT)) return 'it is a link to a name that is not UTF-8';
  // GNU tar's: the bytes in the archive are a map and what lies between the holes, and not the file.
  if (!header.type || Object.keys(paxOf(header)).some((key) => key.startsWith('GNU.sparse.')))
    return 'it is of a kind that cannot be read here, such as a sparse file. Pack the archive without --sparse';
  return header.type in TYPES ? undefined : `it is a ${header.type}, which cannot be stored`;
}

function entryOf(names: readonly string[], type: TreeEntry['type'], header: Headers): TreeEntry {
  const { mtime, uid, gid } = paxOf(header);
  const target = type === 'hardlink' ? namesOf(header.linkname ?? '').join('/') : (header.linkname ?? '');
  return {
    names,
    type,
    size: type === 'file' ? (header.size ?? 0) : 0,
    mode: (header.mode ?? (type === 'directory' ? 0o755 : 0o644)) & 0o7777,
    uid: Number(uid ?? header.uid ?? 0),
    gid: Number(gid ?? header.gid ?? 0),
    mtimeNs: (mtime === undefined ? undefined : parseEpochSeconds(mtime)) ?? headerTimeNs(header),
    ...((type === 'symlink' || type === 'hardlink') && { target }),
  };
}

/** What the extended header (POSIX.1-2001) says, which counts before the header itself. */
function paxOf(header: Headers): Readonly<Record<string, string>> {
  return (header as { pax?: Readonly<Record<string, string>> | null }).pax ?? {};
}

/** Whole seconds. Before 1970 they are in two's complement, which tar-stream reads as one's: a second too late. */
function headerTimeNs({ mtime }: Headers): bigint {
  const ms = mtime?.getTime() ?? 0;
  return BigInt(ms < 0 ? ms - 1000 : ms) * 1_000_000n;
}
