const WIDTH = 760;
const HEIGHT = 420;
const LEFT = 70;
const RIGHT = 190;
const TOP = 40;
const BOTTOM = 50;
const COLOURS = ['#1f77b4', '#d62728', '#2ca02c', '#9467bd', '#ff7f0e', '#17becf', '#8c564b'];

/** An SVG of lines over two axes, both logarithmic or both linear from 0. `series`: `{ name, points: [[x, y], …] }`. */
export function lineChart({ title, x, y, series, scale = 'logarithmic' }) {
  const axis = scale === 'linear' ? linearAxis : logarithmicAxis;
  const points = series.flatMap((line) => line.points);
  const horizontal = axis(
    points.map(([value]) => value),
    LEFT,
    WIDTH - RIGHT,
  );
  const vertical = axis(
    points.map(([, value]) => value),
    HEIGHT - BOTTOM,
    TOP,
  );
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="white"/>`,
    `<text x="${LEFT}" y="22" font-size="15">${title}</text>`,
    ...horizontal.ticks.map((tick) => grid(horizontal.at(tick), HEIGHT - BOTTOM, horizontal.at(tick), TOP)),
    ...horizontal.ticks.map((tick) => label(horizontal.at(tick), HEIGHT - BOTTOM + 18, 'middle', tick.toLocaleString('en'))),
    ...vertical.ticks.map((tick) => grid(LEFT, vertical.at(tick), WIDTH - RIGHT, vertical.at(tick))),
    ...vertical.ticks.map((tick) => label(LEFT - 8, vertical.at(tick) + 4, 'end', String(Number(tick.toPrecision(3))))),
    label((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, 'middle', x),
    label(20, (TOP + HEIGHT - BOTTOM) / 2, 'middle', y),
    ...series.map(({ points: line }, index) => {
      const path = line.map(([px, py]) => `${horizontal.at(px).toFixed(1)},${vertical.at(py).toFixed(1)}`).join(' ');
      return `<polyline points="${path}" fill="none" stroke="${COLOURS[index % COLOURS.length]}" stroke-width="2"/>`;
    }),
    ...series.map(({ name }, index) => legend(name, index)),
    '</svg>',
  ];
  return `${parts.join('\n')}\n`;
}

function linearAxis(values, from, to) {
  const high = Math.max(...values);
  const step = [1, 2, 5, 10].map((digit) => digit * 10 ** Math.floor(Math.log10(high / 5))).find((size) => size * 6 >= high);
  const ticks = Array.from({ length: Math.ceil(high / step) + 1 }, (_, i) => i * step);
  const top = ticks.at(-1);
  return { ticks, at: (value) => from + (value / top) * (to - from) };
}

function logarithmicAxis(values, from, to) {
  const low = Math.floor(Math.log10(Math.min(...values)));
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...values))));
  const ticks = Array.from({ length: high - low + 1 }, (_, i) => 10 ** (low + i));
  return { ticks, at: (value) => from + ((Math.log10(value) - low) / (high - low)) * (to - from) };
}

function grid(x1, y1, x2, y2) {
  return `<line x1="${x1.toFixed(1)}" y1="${y1.toFixed(1)}" x2="${x2.toFixed(1)}" y2="${y2.toFixed(1)}" stroke="#ddd"/>`;
}

function label(x, y, anchor, text) {
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}">${text}</text>`;
}

function legend(name, index) {
  const y = TOP + 10 + index * 20;
  const colour = COLOURS[index % COLOURS.length];
  const x = WIDTH - RIGHT + 12;
  return `<line x1="${x}" y1="${y - 4}" x2="${x + 20}" y2="${y - 4}" stroke="${colour}" stroke-width="2"/>${label(x + 26, y, 'start', name)}`;
}
