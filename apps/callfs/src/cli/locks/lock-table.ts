import type { LockView } from '../../http/admin/lock-view';
import type { Paint } from '../style';

const HEAD = ['STATE', 'AGE', 'ENDS IN', 'NODE', 'USER', 'OPERATION', 'PATH', 'ID'];

/** One lock a line, under a head. */
export function lockTable(locks: readonly LockView[], paint: Paint, firstColumn?: (lock: LockView) => string): string {
  const rows = locks.map((lock) => [...(firstColumn ? [firstColumn(lock)] : []), ...cells(lock)]);
  const table = [firstColumn ? ['OUTCOME', ...HEAD] : HEAD, ...rows];
  const widths = (table[0] ?? []).map((_, column) => Math.max(...table.map((row) => (row[column] ?? '').length)));
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd();
  return table.map((row, index) => `${index === 0 ? paint('bold', line(row)) : line(row)}\n`).join('');
}

function cells(lock: LockView): string[] {
  return [
    stateOf(lock),
    lock.foreign ? '-' : duration(lock.age_ms),
    lock.expires_in_ms === null ? 'never' : duration(lock.expires_in_ms),
    ...[lock.instance_id, lock.user, lock.operation].map((text) => plain(text) || '-'),
    lock.paths.map(plain).join(' '),
    plain(lock.id),
  ];
}

function stateOf({ foreign, stale }: LockView): string {
  if (foreign) return stale ? 'foreign, stale' : 'foreign';
  return stale ? 'stale' : 'live';
}

/** `350ms`, `12s`, `3m05s`, `2h10m`. */
function duration(ms: number): string {
  if (ms < 1_000) return `${ms}ms`;
  const seconds = Math.floor(ms / 1_000);
  const two = (value: number) => String(value).padStart(2, '0');
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)}m${two(seconds % 60)}s`;
  return `${Math.floor(seconds / 3_600)}h${two(Math.floor(seconds / 60) % 60)}m`;
}

/** Others choose these texts: nothing in them moves the cursor or turns the line around. */
export function plain(text: string): string {
  return text.replace(/[\p{Cc}\p{Bidi_Control}]/gu, '?');
}
