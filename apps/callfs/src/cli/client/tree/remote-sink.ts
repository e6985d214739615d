import type { Readable } from 'node:stream';
import { formatRfc3339, type VirtualPath } from '@callfs/core';
import type { Attributes, FileClient } from '../file-client';
import { ServerRefusal } from '../server-refusal';
import type { TreeEntry, TreeReport, TreeSink } from './tree-entry';

export interface RemoteSinkOptions {
  /** Modes and times are kept. */
  readonly preserve: boolean;
  /** Owners are kept too, which takes the superuser. */
  readonly owners: boolean;
  /** What is there already stays. */
  readonly create: boolean;
}

/** A file or directory of a server. */
export class RemoteSink implements TreeSink {
  readonly isSequential = false;
  readonly takesLinksLast = true;
  private readonly directories: TreeEntry[] = [];
  /** What was written under names that may be written in two ways: their canonical form to that of the source. */
  private readonly composed = new Map<string, string>();

  constructor(
    private readonly client: FileClient,
    private readonly root: VirtualPath,
    private readonly options: RemoteSinkOptions,
  ) {}

  async directory(entry: TreeEntry): Promise<void> {
    this.claim(entry);
    await this.client.makeDirectory(this.pathOf(entry));
    this.directories.push(entry);
  }

  async file(entry: TreeEntry, content: Readable): Promise<void> {
    this.claim(entry);
    const { preserve, owners, create } = this.options;
    const kept = preserve ? { mode: octal(entry.mode), mtime: formatRfc3339(entry.mtimeNs) } : {};
    await this.client.upload(this.pathOf(entry), content, { size: entry.size, create, ...kept });
    // After the owner the mode once more: chown takes away set-user-ID.
    if (owners) await this.client.change(this.pathOf(entry), { owner: entry.uid, group: entry.gid, ...kept });
  }

  async symlink(entry: TreeEntry): Promise<void> {
    this.claim(entry);
    const path = this.pathOf(entry);
    const target = entry.target ?? '';
    try {
      await this.client.makeSymlink(path, target);
    } catch (error) {
      if (this.options.create || !(error instanceof ServerRefusal && error.code === 'FILE_ALREADY_EXISTS')) throw error;
      const found = await this.client.find(path, { follow: false });
      if (found?.type !== 'symlink') throw error;
      if (found.target !== target) {
        await this.client.remove(path);
        await this.client.makeSymlink(path, target);
      }
    }
    const { owners, preserve } = this.options;
    const kept = {
      ...(owners && { owner: entry.uid, group: entry.gid }),
      ...(preserve && { mtime: formatRfc3339(entry.mtimeNs) }),
    };
    if (owners || preserve) await this.client.change(path, kept, { follow: false });
  }

  /** A server has one name for a file, so the other is a copy, which shares the bytes. */
  async hardlink(entry: TreeEntry): Promise<void> {
    this.claim(entry);
    const { preserve, owners, create } = this.options;
    const target = entry.target ?? '';
    if ((this.composed.get(canonical(target)) ?? target) !== target)
      throw new Error('the file that it is another name of was left out');
    const from = this.pathOf({ names: target.split('/') });
    await this.client.copy(from, this.pathOf(entry), { overwrite: !create });
    if (owners || preserve) await this.client.change(this.pathOf(entry), this.kept(entry));
  }

  async settle(report: TreeReport): Promise<void> {
    const { owners, preserve } = this.options;
    if (!owners && !preserve) return;
    for (const entry of this.directories.reverse())
      await this.client.change(this.pathOf(entry), this.kept(entry)).catch((error: unknown) => report(entry.names, error));
  }

  private kept(entry: TreeEntry): Attributes {
    const { owners, preserve } = this.options;
    return {
      ...(owners && { owner: entry.uid, group: entry.gid }),
      ...(preserve && { mode: octal(entry.mode), mtime: formatRfc3339(entry.mtimeNs) }),
    };
  }

  /** Linux keeps both spellings of `é` apart, CallFS does not: the second would take the place of the first. */
  private claim({ names }: TreeEntry): void {
    const written = names.join('/');
    if (isAscii(written)) return;
    const canonicalForm = canonical(written);
    const earlier = this.composed.get(canonicalForm);
    if (earlier !== undefined && earlier !== written)
      throw new Error(
        'to CallFS it has the same name as another one here, which is written with other Unicode characters. Rename one',
      );
    this.composed.set(canonicalForm, written);
  }

  private pathOf({ names }: Pick<TreeEntry, 'names'>): VirtualPath {
    return names.length === 0 ? this.root : this.root.join(names.map(canonical));
  }
}

/** A name of this machine as CallFS has it; what it cannot have, the server refuses with the reason. */
function canonical(name: string): string {
  return name.normalize('NFC');
}

function isAscii(text: string): boolean {
  return /^[\0-\x7f]*$/.test(text);
}

function octal(mode: number): string {
  return mode.toString(8).padStart(4, '0');
}
