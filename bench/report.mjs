export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** What one work came to. The ratio is the median of the rounds' ratios: both sides of a round met the same machine. */
export function summarise(work, rounds, memory) {
  const ratio = median(rounds.map(({ ours, other }) => ours / other));
  return {
    name: work.name,
    title: work.title,
    beside: work.beside,
    unit: work.unit,
    ours: median(rounds.map(({ ours }) => ours)),
    other: median(rounds.map(({ other }) => other)),
    ratio,
    reach: work.reach ?? null,
    reached: work.reach === undefined || ratio >= work.reach,
    peakBytes: memory.peak,
    rounds,
  };
}

export function table(results, idleBytes) {
  const head = ['work', 'ours', 'beside it', '', 'ratio', 'reach', '', 'peak RSS'];
  const rows = results.map((result) => [
    result.title,
    amount(result.ours, result.unit),
    amount(result.other, result.unit),
    result.beside,
    result.ratio.toFixed(2),
    result.reach === null ? '–' : result.reach.toFixed(2),
    result.reached ? '' : 'below',
    amount(result.peakBytes, 'bytes'),
  ]);
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => row[column].length)));
  const line = (cells) => `| ${cells.map((cell, column) => cell.padEnd(widths[column])).join(' | ')} |`;
  const rule = `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`;
  return [
    line(head),
    rule,
    ...rows.map(line),
    '',
    `Resident memory of CallFS after its start: ${amount(idleBytes, 'bytes')}.`,
  ].join('\n');
}

function amount(value, unit) {
  if (unit === 'bytes') return `${Math.round(value / 1024 / 1024)} MiB`;
  if (unit === 'bytes/s') return `${(value / 1e9).toFixed(2)} GB/s`;
  return `${value >= 100 ? Math.round(value).toLocaleString('en') : value.toFixed(1)}/s`;
}
