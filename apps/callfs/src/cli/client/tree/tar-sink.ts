import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import type { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { pack, type Headers, type Pack } from 'tar-stream';
import { BrokenOff, type TreeEntry, type TreeSink } from './tree-entry';

/**
 * A tar archive (POSIX.1-2001, what GNU and BSD tar read), on standard output or in a file, which is there when the
 * archive is complete. Entries go in one after another; a content that fails in its middle fails the archive.
 */
export class TarSink implements TreeSink {
  readonly isSequential = true;
  private readonly archive: Pack = pack();
  private readonly written: Promise<void>;
  private readonly staged: string | undefined;

  /** `-` is standard output; a name that ends with `gz` is compressed. */
  constructor(private readonly path: string) {
    this.staged = path === '-' ? undefined : `${path}.${randomBytes(8).toString('hex')}.part`;
    const out: Writable = this.staged === undefined ? process.stdout : createWriteStream(this.staged, { flags: 'wx' });
    const compressed = path.endsWith('gz') ? [createGzip()] : [];
    this.written = pipeline([this.archive as unknown as Readable, ...compressed, out], { end: out !== process.stdout });
    // Whoever adds or settles hears of it.
    this.written.catch(() => undefined);
  }

  directory(entry: TreeEntry): Promise<void> {
    return this.add(headersOf(entry, 'directory'));
  }

  symlink(entry: TreeEntry): Promise<void> {
    return this.add({ ...headersOf(entry, 'symlink'), linkname: entry.target ?? '' });
  }

  file(entry: TreeEntry, content: Readable): Promise<void> {
    return this.add({ ...headersOf(entry, 'file'), size: entry.size }, content);
  }

  async settle(): Promise<void> {
    this.archive.finalize();
    await this.written;
    if (this.staged !== undefined) await rename(this.staged, this.path);
  }

  async abandon(): Promise<void> {
    this.archive.destroy();
    await this.written.catch(() => undefined);
    if (this.staged !== undefined) await rm(this.staged, { force: true });
  }

  private async add(headers: Headers, content?: Readable): Promise<void> {
    let added: (error?: Error | null) => void = () => undefined;
    const done = new Promise<void>((resolve, reject) => {
      added = (error) => (error ? reject(error) : resolve());
    });
    const slot = this.archive.entry(headers, added);
    try {
      if (content !== undefined) await Promise.race([fill(slot, content), this.written.then(ended)]);
      await Promise.race([done, this.written.then(ended)]);
    } catch (error) {
      throw new BrokenOff(error);
    }
  }
}

async function fill(slot: Writable, content: Readable): Promise<void> {
  for await (const chunk of content) if (!slot.write(chunk)) await once(slot, 'drain');
  slot.end();
}

function ended(): never {
  throw new Error('the archive was closed too early');
}

function headersOf({ names, mode, uid, gid, mtimeNs }: TreeEntry, type: 'file' | 'directory' | 'symlink'): Headers {
  const name = names.length === 0 ? '.' : names.join('/');
  const mtime = new Date(Number(mtimeNs / 1_000_000n));
  // The header itself holds whole seconds; the extended one all of it.
  const pax = mtimeNs % 1_000_000_000n === 0n ? undefined : { mtime: secondsText(mtimeNs) };
  // Without the type's bit, tar-stream takes mode 0 for none and gives everybody permission to read.
  return { name: type === 'directory' ? `${name}/` : name, type, mode: mode | 0o100000, uid, gid, mtime, ...(pax && { pax }) };
}

/** `1000000000.500000000`, also before 1970. */
function secondsText(ns: bigint): string {
  const magnitude = (ns < 0n ? -ns : ns).toString().padStart(10, '0');
  return `${ns < 0n ? '-' : ''}${magnitude.slice(0, -9)}.${magnitude.slice(-9)}`;
}
