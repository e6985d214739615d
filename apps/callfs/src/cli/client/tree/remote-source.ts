import type { Readable } from 'node:stream';
import { parseRfc3339, VirtualPath } from '@callfs/core';
import { CommandFailure, EXIT } from '../../exit-codes';
import type { FileClient, RemoteEntry } from '../file-client';
import { verifiedDownload } from '../verified-download';
import type { TreeEntry, TreeReport, TreeSource } from './tree-entry';

/** A file or directory of a server. Every file is compared with its digest. */
export class RemoteSource implements TreeSource {
  readonly isSequential = false;

  constructor(
    private readonly client: FileClient,
    private readonly root: VirtualPath,
  ) {}

  get name(): string {
    return this.root.toString();
  }

  async *entries(report: TreeReport): AsyncGenerator<TreeEntry> {
    const root = treeEntry([], await this.client.stat(this.root));
    yield root;
    if (root.type === 'directory') yield* this.below([], report);
  }

  open({ names }: TreeEntry): Promise<Readable> {
    return verifiedDownload(this.client, this.pathOf(names));
  }

  /** A request for each directory, so that one that may not be read is an error and not an omission. */
  private async *below(names: readonly string[], report: TreeReport): AsyncGenerator<TreeEntry> {
    const listing = this.client.list(this.pathOf(names))[Symbol.asyncIterator]();
    for (;;) {
      const next = await listing.next().catch((error: unknown) => {
        report(names, error);
        return { done: true, value: undefined } as const;
      });
      if (next.done) return;
      const entry = treeEntry([...names, safeName(next.value.name)], next.value);
      yield entry;
      if (entry.type === 'directory') yield* this.below(entry.names, report);
    }
  }

  private pathOf(names: readonly string[]): VirtualPath {
    return names.length === 0 ? this.root : VirtualPath.ofNames([...this.root.names, ...names]);
  }
}

function treeEntry(names: readonly string[], entry: Omit<RemoteEntry, 'name'>): TreeEntry {
  const { type, size, mode, uid, gid, mtime, target } = entry;
  const mtimeNs = parseRfc3339(mtime) ?? 0n;
  return { names, type, size, mode: Number.parseInt(mode, 8), uid, gid, mtimeNs, target };
}

/** A server that gives a name such as `../x` does not get it written anywhere. */
function safeName(name: string): string {
  if (name === '' || name === '.' || name === '..' || /[/\0]/.test(name))
    throw new CommandFailure(`the server lists a name that is none: ${JSON.stringify(name)}.`, EXIT.failed);
  return name;
}
