import type { UploadView } from '../../http/admin/upload-view';
import { byteSize } from '../byte-size';
import { plain } from '../locks/lock-table';
import type { Paint } from '../style';

const HEAD = ['USER', 'RECEIVED', 'SIZE', 'IDLE', 'EXPIRES', 'PATH', 'ID'];

/** One upload a line, under a head. */
export function uploadTable(uploads: readonly UploadView[], paint: Paint): string {
  const table = [HEAD, ...uploads.map(cells)];
  const widths = HEAD.map((_, column) => Math.max(...table.map((row) => (row[column] ?? '').length)));
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd();
  return table.map((row, index) => `${index === 0 ? paint('bold', line(row)) : line(row)}\n`).join('');
}

function cells({ user, received, size, idle_ms: idleMs, expires_at: expires, path, kind, id }: UploadView): string[] {
  const share = size === 0 ? 100 : Math.floor((received / size) * 100);
  const to = path === null ? `(${kind})` : plain(path);
  return [plain(user), `${share}%`, byteSize(size), `${Math.round(idleMs / 60_000)}m`, `${expires.slice(0, 16)}Z`, to, id];
}
