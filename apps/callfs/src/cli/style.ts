import type { WriteStream } from 'node:tty';

const CODES = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33 } as const;

/** Marks text with a colour where the reader's terminal shows it; elsewhere, and with `--no-color`, leaves it as it is. */
export type Paint = (style: keyof typeof CODES, text: string) => string;

/** `hasColors` knows `NO_COLOR` and `TERM=dumb`; only a terminal has it. */
export function painterFor(stream: Partial<Pick<WriteStream, 'isTTY' | 'hasColors'>>, options: { color?: boolean }): Paint {
  const coloured = options.color !== false && stream.isTTY === true && stream.hasColors?.() === true;
  return (style, text) => (coloured ? `\u001b[${CODES[style]}m${text}\u001b[0m` : text);
}
