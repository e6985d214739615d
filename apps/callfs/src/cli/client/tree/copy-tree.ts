import type { Transform } from 'node:stream';
import { BrokenOff, type TreeEntry, type TreeReport, type TreeSink, type TreeSource } from './tree-entry';

export interface CopyOptions {
  /** Files on their way at once. */
  readonly jobs: number;
  readonly report: TreeReport;
  /** Looks at the bytes of a file that pass, to show how far it is. */
  readonly watch: (entry: TreeEntry) => Transform;
}

/**
 * Copies a tree and resolves to how many entries are there now. What fails is reported, with what is below it left out,
 * and does not keep the rest.
 */
export async function copyTree(source: TreeSource, sink: TreeSink, { jobs, report, watch }: CopyOptions): Promise<number> {
  const links: TreeEntry[] = [];
  const lost: TreeEntry[] = [];
  const running = new Set<Promise<void>>();
  let copied = 0;
  const attempt = async (entry: TreeEntry, work: () => Promise<void>): Promise<boolean> => {
    try {
      await work();
      copied++;
      return true;
    } catch (error) {
      if (error instanceof BrokenOff) throw error;
      report(entry.names, error);
      return false;
    }
  };
  const copyFile = (entry: TreeEntry) =>
    attempt(entry, async () => {
      const content = await source.open(entry);
      const watched = content.pipe(watch(entry));
      content.once('error', (error) => watched.destroy(error));
      // Whoever reads it next hears of its failure; nobody may be reading yet.
      watched.on('error', () => content.destroy());
      try {
        await sink.file(entry, watched);
      } finally {
        watched.destroy();
        // What was not read of it stands in the way of the next one.
        content.destroy();
      }
    });

  try {
    for await (const entry of source.entries(report)) {
      if (lost.some((above) => isBelow(entry, above))) continue;
      if (entry.type === 'symlink') {
        if (sink.takesLinksLast) links.push(entry);
        else await attempt(entry, () => sink.symlink(entry));
      } else if (entry.type === 'directory') {
        if (!(await attempt(entry, () => sink.directory(entry)))) lost.push(entry);
      } else if (entry.type === 'hardlink') {
        await attempt(entry, async () => sink.hardlink?.(entry));
      } else if (source.isSequential || sink.isSequential) await copyFile(entry);
      else {
        while (running.size >= jobs) await Promise.race(running);
        const job: Promise<void> = copyFile(entry).then(() => void running.delete(job));
        running.add(job);
      }
    }
    await Promise.all(running);
    for (const entry of links) await attempt(entry, () => sink.symlink(entry));
    await sink.settle(report);
  } catch (error) {
    await Promise.allSettled(running);
    await sink.abandon?.();
    throw error;
  }
  return copied;
}

function isBelow({ names }: TreeEntry, above: TreeEntry): boolean {
  return above.names.length < names.length && above.names.every((name, i) => name === names[i]);
}
