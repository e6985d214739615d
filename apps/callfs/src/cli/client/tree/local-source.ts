import { isUtf8 } from 'node:buffer';
import { constants, createReadStream, type BigIntStats } from 'node:fs';
import { lstat, open, readdir, readlink, stat, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { TreeEntry, TreeReport, TreeSource } from './tree-entry';

/** Up to this size a file is read before it is sent. */
const SMALL_BYTES = 64 * 1024;
const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;

/** A file or directory of this machine. The root is followed when it is a link; links below are copied as links. */
export class LocalSource implements TreeSource {
  readonly isSequential = false;

  constructor(readonly name: string) {}

  async *entries(report: TreeReport): AsyncGenerator<TreeEntry> {
    yield* this.walk([], await stat(this.name, { bigint: true }), report);
  }

  async open({ names, size }: TreeEntry): Promise<Readable> {
    if (size === 0) {
      if (await this.hidesBytes(names))
        throw new Error('it says that it is empty, and is not (files of /proc do so). Send what is in it with "callfs put -"');
      return createReadStream('/dev/null');
    }
    // Only the root was followed: what has become a link since it was looked at is none of the tree's.
    const file = await open(this.pathOf(names), names.length === 0 ? O_RDONLY : O_RDONLY | O_NOFOLLOW);
    if (size <= SMALL_BYTES) return Readable.from(await smallContent(file, size), { objectMode: false });
    // A file that grows meanwhile is sent as long as it was when it was announced.
    const stream = file.createReadStream({ end: size - 1, highWaterMark: 1 << 18 });
    return Readable.from(allOf(stream, size), { objectMode: false }).once('close', () => stream.destroy());
  }

  private async *walk(names: readonly string[], stats: BigIntStats, report: TreeReport): AsyncGenerator<TreeEntry> {
    const type = typeOf(stats);
    if (type === undefined) {
      report(names, new Error('it is no file, directory or symbolic link'));
      return;
    }
    yield {
      names,
      type,
      size: type === 'file' ? Number(stats.size) : 0,
      mode: Number(stats.mode) & 0o7777,
      uid: Number(stats.uid),
      gid: Number(stats.gid),
      mtimeNs: stats.mtimeNs,
      ...(type === 'symlink' && { target: await readlink(this.pathOf(names)) }),
    };
    if (type !== 'directory') return;
    const found = await attempt(names, report, () => readdir(this.pathOf(names), { encoding: 'buffer' }));
    for (const bytes of (found ?? []).sort((a, b) => a.compare(b))) {
      const below = [...names, bytes.toString()];
      if (!isUtf8(bytes)) {
        report(below, new Error('its name is not UTF-8. Rename it'));
        continue;
      }
      const stats = await attempt(below, report, () => lstat(this.pathOf(below), { bigint: true }));
      if (stats !== undefined) yield* this.walk(below, stats, report);
    }
  }

  /** Whether more can be read from it than it says it has, now as well: one that grows is another matter. */
  private async hidesBytes(names: readonly string[]): Promise<boolean> {
    const flags = O_RDONLY | O_NONBLOCK | (names.length === 0 ? 0 : O_NOFOLLOW);
    const file = await open(this.pathOf(names), flags).catch(() => undefined);
    try {
      const read = await file?.read(Buffer.alloc(1), 0, 1, null).catch(() => undefined);
      return read !== undefined && read.bytesRead > 0 && (await file?.stat())?.size === 0;
    } finally {
      await file?.close();
    }
  }

  private pathOf(names: readonly string[]): string {
    return join(this.name, ...names);
  }
}

/** As `allOf`, in one piece, which costs a tree of small files far less than a stream for each. */
async function smallContent(file: FileHandle, size: number): Promise<Buffer> {
  try {
    const content = Buffer.alloc(size);
    for (let read = 0; read < size;) {
      const { bytesRead } = await file.read(content, read, size - read, null);
      if (bytesRead === 0) throw becameShorter();
      read += bytesRead;
    }
    return content;
  } finally {
    await file.close();
  }
}

/** A file that has become shorter fails at once; a server would wait for what was announced. */
async function* allOf(stream: AsyncIterable<Buffer>, size: number): AsyncGenerator<Buffer> {
  let missing = size;
  for await (const chunk of stream) {
    missing -= chunk.length;
    yield chunk;
  }
  if (missing > 0) throw becameShorter();
}

function becameShorter(): Error {
  return new Error('it became shorter while it was read. Try again');
}

async function attempt<T>(names: readonly string[], report: TreeReport, work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    report(names, error);
    return undefined;
  }
}

function typeOf(stats: BigIntStats): TreeEntry['type'] | undefined {
  if (stats.isFile()) return 'file';
  if (stats.isDirectory()) return 'directory';
  return stats.isSymbolicLink() ? 'symlink' : undefined;
}
