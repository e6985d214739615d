import { join } from 'node:path';
import { InvalidArgumentError } from 'commander';
import type { Progress } from './progress';
import type { Tally } from './tally';
import { copyTree } from './tree/copy-tree';
import type { TreeSink, TreeSource } from './tree/tree-entry';

const DEFAULT_JOBS = 4;
const MOST_JOBS = 64;

export interface TransferOptions {
  /** How the source's root is named in messages. */
  readonly root: string;
  readonly jobs: number;
  readonly progress: Progress;
  readonly tally: Tally;
}

/** Copies a tree for a command: shows how far it is, says what failed, and goes on with the rest. */
export async function transfer(source: TreeSource, sink: TreeSink, options: TransferOptions): Promise<void> {
  const { root, jobs, progress, tally } = options;
  const copied = await copyTree(source, sink, {
    jobs,
    report: (names, error) => tally.failed(join(root, ...names), error),
    watch: ({ names }) => progress.watch(names.at(-1) ?? root),
  });
  tally.succeeded(copied);
}

/** `--jobs`: a number, or its absence. Wrong usage for anything else. */
export function jobsOf(jobs: string | number | undefined): number {
  if (jobs === undefined) return DEFAULT_JOBS;
  const number = Number(jobs);
  if (!Number.isInteger(number) || number < 1 || number > MOST_JOBS)
    throw new InvalidArgumentError(`Expected a whole number from 1 to ${MOST_JOBS}.`);
  return number;
}
