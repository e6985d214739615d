import { chmod, chown, lchown, link, lstat, lutimes, mkdir, open, readlink, symlink, unlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { StagedFile } from '../staged-file';
import type { TreeEntry, TreeReport, TreeSink } from './tree-entry';

export interface LocalSinkOptions {
  /** Modes and times are kept. */
  readonly preserve: boolean;
  /** Owners are kept too, which takes root. */
  readonly owners: boolean;
  /** What is there already stays. */
  readonly create: boolean;
}

const PRIVATE_FILE = 0o600;
const PRIVATE_DIRECTORY = 0o700;

/**
 * A file or directory of this machine. A file is written beside its place and takes it when it is complete, so a copy
 * that breaks off never leaves half a file. Nothing is written through links that are found on the way. Until what is
 * copied has the mode that it is to have, nobody else may look into it.
 */
export class LocalSink implements TreeSink {
  readonly isSequential = false;
  readonly takesLinksLast = true;
  private readonly directories: TreeEntry[] = [];

  constructor(
    private readonly root: string,
    private readonly options: LocalSinkOptions,
  ) {}

  async directory(entry: TreeEntry): Promise<void> {
    const path = this.pathOf(entry);
    try {
      await mkdir(path, { mode: this.options.preserve ? PRIVATE_DIRECTORY : 0o777 });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || !(await this.isDirectory(entry, path))) throw error;
    }
    this.directories.push(entry);
  }

  async file(entry: TreeEntry, content: Readable): Promise<void> {
    const path = this.pathOf(entry);
    const staged = StagedFile.beginningWith(join(dirname(path), '.callfs-'));
    try {
      await this.write(entry, content, staged.path);
      if (!this.options.create) return await staged.becomes(path);
      await link(staged.path, path);
      await staged.remove();
    } catch (error) {
      await staged.remove();
      throw error;
    }
  }

  async symlink(entry: TreeEntry): Promise<void> {
    const path = this.pathOf(entry);
    const target = entry.target ?? '';
    const found = await lstat(path).catch(() => undefined);
    if (found?.isSymbolicLink() && !this.options.create) {
      if ((await readlink(path)) === target) return;
      await unlink(path);
    }
    await symlink(target, path);
    if (this.options.owners) await lchown(path, entry.uid, entry.gid);
    if (this.options.preserve) await lutimes(path, seconds(entry), seconds(entry));
  }

  async settle(report: TreeReport): Promise<void> {
    for (const entry of this.directories.reverse())
      await this.preserve(entry, this.pathOf(entry)).catch((error: unknown) => report(entry.names, error));
  }

  /** By its descriptor: who may write to the directory can put something else under the name. */
  private async write(entry: TreeEntry, content: Readable, path: string): Promise<void> {
    const { owners, preserve } = this.options;
    const file = await open(path, 'wx', preserve ? PRIVATE_FILE : 0o666);
    try {
      await writeFile(file, content);
      // Before the mode: chown takes away set-user-ID.
      if (owners) await file.chown(entry.uid, entry.gid);
      if (!preserve) return;
      await file.chmod(entry.mode);
      await file.utimes(seconds(entry), seconds(entry));
    } finally {
      await file.close();
    }
  }

  private async preserve(entry: TreeEntry, path: string): Promise<void> {
    if (this.options.owners) await chown(path, entry.uid, entry.gid);
    if (!this.options.preserve) return;
    await chmod(path, entry.mode);
    await lutimes(path, seconds(entry), seconds(entry));
  }

  /** The root may be reached through a link that the user made; what is below it may not. */
  private async isDirectory({ names }: TreeEntry, path: string): Promise<boolean> {
    const found = await lstat(names.length === 0 ? join(path, '.') : path);
    return found.isDirectory();
  }

  private pathOf({ names }: TreeEntry): string {
    return join(this.root, ...names);
  }
}

/**
 * The system call gets whole microseconds, which libuv cuts off and does not round. As text, since Node.js takes a
 * number below 0, a time before 1970, for the present.
 */
function seconds({ mtimeNs }: TreeEntry): string {
  return String((Number(mtimeNs) + (mtimeNs < 0n ? -500 : 500)) / 1e9);
}
