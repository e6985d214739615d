/** Rows in columns that are as wide as they need to be, the names of the columns above them. */
export function asTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = header.map((name, column) => Math.max(name.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]) => `${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')}`;
  return [header, ...rows].map((cells) => `${line(cells).trimEnd()}\n`).join('');
}
