import { Help, Option, SubCommand } from 'nest-commander';
import type { ClearedLockView, LockView } from '../../http/admin/lock-view';
import { CommandEnd, EXIT } from '../exit-codes';
import { painterFor } from '../style';
import type { LockDesk } from './lock-desk';
import { lockTable } from './lock-table';
import { filterOf, LockFilterRunner, type LockFilterOptions } from './locks-options';

interface ClearLocksOptions extends LockFilterOptions {
  readonly yes?: boolean;
  readonly force?: boolean;
  readonly reason?: string;
}

interface Row {
  readonly id: string;
  readonly outcome: ClearedLockView['outcome'] | 'would be cleared' | 'would be refused';
  readonly lock?: LockView;
}

@SubCommand({ name: 'clear', arguments: '[ids...]', description: 'end locks whose holder is gone; without --yes only say which' })
export class ClearLocksCommand extends LockFilterRunner {
  async run(ids: string[], options: ClearLocksOptions): Promise<void> {
    this.refuseAmbiguous(ids, options);
    const rows = await this.atDesk(options, async (desk) => {
      const chosen = await choose(desk, ids, options);
      return options.yes ? clear(desk, chosen, options) : chosen.map((row) => foreseen(row, options));
    });
    if (options.json) process.stdout.write(`${JSON.stringify(rows, null, 2)}\n`);
    else print(rows, options);
    const exitCode = options.yes ? exitCodeOf(rows) : EXIT.done;
    if (exitCode !== EXIT.done) throw new CommandEnd(exitCode);
  }

  @Option({ flags: '-y, --yes', description: 'do it' })
  yes(): boolean {
    return true;
  }

  @Option({ flags: '--force', description: 'also locks whose holder lives: it loses its work; needs --reason' })
  force(): boolean {
    return true;
  }

  @Option({ flags: '--reason <text>', description: 'why, for the log' })
  reason(text: string): string {
    return text;
  }

  @Help('after')
  examples(): string {
    return `
A lock is ended by its own id, whatever else is on its path by then, and its holder can never commit any more.
What became of each: cleared, gone (it has ended by itself), changed (another holds the path by now), refused (its
holder lives). Exit codes: 0 none is left, 1 none was cleared, 3 some were, 4 unreachable.

Examples:
  callfs locks clear --stale                                      what would be cleared
  callfs locks clear --stale --yes
  callfs locks clear --prefix /reports --older-than 10m --yes
  callfs locks clear 8d0c6c1e-6f5f-4f5c-9a51-5d9c6f3a6a55.3f --force --reason "node-2 hangs" --yes`;
  }

  /** Nothing chosen is never taken for "all". */
  private refuseAmbiguous(ids: readonly string[], options: ClearLocksOptions): void {
    const filters = Object.values(filterOf(options)).filter((value) => value !== undefined);
    if (ids.includes('')) this.command.error('error: an id is empty');
    if (ids.length === 0 && filters.length === 0)
      this.command.error('error: say which locks: by their ids, or with a filter such as --stale or --prefix / for all');
    if (ids.length > 0 && filters.length > 0) this.command.error('error: give either ids or filters');
    if (options.force && !options.reason?.trim()) this.command.error('error: --force needs --reason "…"');
  }
}

async function choose(desk: LockDesk, ids: readonly string[], options: ClearLocksOptions): Promise<readonly Row[]> {
  if (ids.length === 0) return (await desk.list(filterOf(options))).map((lock) => ({ id: lock.id, outcome: 'gone', lock }));
  const locks = new Map((await desk.list({})).map((lock) => [lock.id, lock]));
  return [...new Set(ids)].map((id) => ({ id, outcome: 'gone', lock: locks.get(id) }));
}

async function clear(desk: LockDesk, chosen: readonly Row[], { force, reason }: ClearLocksOptions): Promise<readonly Row[]> {
  if (chosen.length === 0) return [];
  const cleared = await desk.clear(
    chosen.map(({ id }) => id),
    { force, reason },
  );
  return cleared.map((row, index) => ({ ...row, lock: row.lock ?? chosen[index]?.lock }));
}

function foreseen({ id, lock }: Row, { force }: ClearLocksOptions): Row {
  if (!lock) return { id, outcome: 'gone' };
  return { id, outcome: lock.stale || force ? 'would be cleared' : 'would be refused', lock };
}

function print(rows: readonly Row[], options: ClearLocksOptions): void {
  const known = rows.flatMap(({ outcome, lock }) => (lock ? [{ outcome, lock }] : []));
  const outcomes = new Map(known.map(({ outcome, lock }) => [lock, outcome]));
  const table = lockTable([...outcomes.keys()], painterFor(process.stdout, options), (lock) => outcomes.get(lock) ?? '');
  if (known.length > 0) process.stdout.write(table);
  for (const { id, outcome, lock } of rows) if (!lock) process.stdout.write(`${outcome}  ${id}\n`);
  if (rows.length === 0) process.stderr.write('callfs: no such locks\n');
  else if (!options.yes) process.stderr.write('callfs: nothing was changed; do it with --yes\n');
}

function exitCodeOf(rows: readonly Row[]): number {
  const left = rows.filter(({ outcome }) => outcome === 'refused' || outcome === 'changed').length;
  if (left === 0) return EXIT.done;
  return rows.some(({ outcome }) => outcome === 'cleared') ? EXIT.partly : EXIT.failed;
}
