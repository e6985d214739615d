import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { pack, type Headers, type Pack } from 'tar-stream';
import { StagedFile } from '../staged-file';
import { BrokenOff, type TreeEntry, type TreeSink } from './tree-entry';

const NS_PER_SECOND = 1_000_000_000n;
/** What tar-stream writes into a header as it is: a signed number of 32 bits, and six octal digits. */
const LARGEST_TIME = 0x7fffffffn;
const LARGEST_ID = 0o777777;

/**
 * A tar archive (POSIX.1-2001, what GNU and BSD tar read), on standard output or in a file, which is there when the
 * archive is complete. Entries go in one after another; a content that fails in its middle fails the archive.
 */
export class TarSink implements TreeSink {
  readonly isSequential = true;
  /** tar(1) gives a directory its mode and its time when it has left it, so all that is in it has to follow it. */
  readonly takesLinksLast = false;
  private readonly archive: Pack = pack();
  private readonly written: Promise<void>;
  private readonly staged: StagedFile | undefined;
  /** Paths of the links so far: a server that lists more below one would have it written through the link. */
  private readonly links = new Set<string>();
  /** Why nothing more can be written. */
  private failure: unknown;

  /** `-` is standard output; a name that ends with `gz` is compressed. */
  constructor(private readonly path: string) {
    this.staged = path === '-' ? undefined : StagedFile.beginningWith(`${path}.`);
    const out: Writable = this.staged === undefined ? process.stdout : createWriteStream(this.staged.path, { flags: 'wx' });
    const compressed = path.endsWith('gz') ? [createGzip()] : [];
    this.written = pipeline([this.archive as unknown as Readable, ...compressed, out], { end: out !== process.stdout });
    // Whoever adds or settles hears of it.
    this.written.catch((error: unknown) => (this.failure = error));
  }

  directory(entry: TreeEntry): Promise<void> {
    return this.add(entry, headersOf(entry, 'directory'));
  }

  async symlink(entry: TreeEntry): Promise<void> {
    await this.add(entry, { ...headersOf(entry, 'symlink'), linkname: entry.target ?? '' });
    this.links.add(entry.names.join('/'));
  }

  file(entry: TreeEntry, content: Readable): Promise<void> {
    return this.add(entry, { ...headersOf(entry, 'file'), size: entry.size }, content);
  }

  async settle(): Promise<void> {
    this.archive.finalize();
    await this.written;
    await this.staged?.becomes(this.path);
  }

  async abandon(): Promise<void> {
    this.archive.destroy();
    await this.written.catch(() => undefined);
    await this.staged?.remove();
  }

  private async add({ names }: TreeEntry, headers: Headers, content?: Readable): Promise<void> {
    if (names.some((_, i) => this.links.has(names.slice(0, i + 1).join('/'))))
      throw new Error('the server lists a symbolic link in its place as well');
    let added: (error?: Error | null) => void = () => undefined;
    const done = new Promise<void>((resolve, reject) => {
      added = (error) => (error ? reject(error) : resolve());
    });
    // Nobody waits for it when the content fails first.
    done.catch(() => undefined);
    try {
      const slot = this.archive.entry(headers, added);
      // It tells `added`, and as an event that nobody heard it would end the program.
      slot.on('error', () => undefined);
      if (content !== undefined) await Promise.race([fill(slot, content), this.written.then(ended)]);
      await Promise.race([done, this.written.then(ended)]);
    } catch (error) {
      throw new BrokenOff(this.failure ?? error);
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
  const seconds = mtimeNs / NS_PER_SECOND;
  const fits = mtimeNs % NS_PER_SECOND === 0n && seconds >= 0n && seconds <= LARGEST_TIME;
  // The extended header has what does not fit into the header itself, where something has to stand all the same.
  const pax = {
    ...(!fits && { mtime: secondsText(mtimeNs) }),
    ...(uid > LARGEST_ID && { uid: String(uid) }),
    ...(gid > LARGEST_ID && { gid: String(gid) }),
  };
  return {
    name: type === 'directory' ? `${name}/` : name,
    type,
    // Without the type's bit, tar-stream takes mode 0 for none and gives everybody permission to read.
    mode: mode | 0o100000,
    uid: Math.min(uid, LARGEST_ID),
    gid: Math.min(gid, LARGEST_ID),
    mtime: new Date(1000 * Number(seconds < 0n ? 0n : seconds > LARGEST_TIME ? LARGEST_TIME : seconds)),
    ...(Object.keys(pax).length > 0 && { pax }),
  };
}

/** `1000000000.500000000`, also before 1970. */
function secondsText(ns: bigint): string {
  const magnitude = (ns < 0n ? -ns : ns).toString().padStart(10, '0');
  return `${ns < 0n ? '-' : ''}${magnitude.slice(0, -9)}.${magnitude.slice(-9)}`;
}
