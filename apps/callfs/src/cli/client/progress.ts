import { Transform } from 'node:stream';
import type { WriteStream } from 'node:tty';

const EVERY_MS = 100;
const BAR = 20;
const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

/** A line on a terminal that says how far a transfer is; nothing at all where nobody would see it move. */
export class Progress {
  private readonly began = performance.now();
  private readonly shows: boolean;
  private bytes = 0;
  private files = 0;
  private drawn = 0;

  /** `total` in bytes, when it is known. */
  constructor(
    private readonly stream: Pick<WriteStream, 'write'> & Partial<Pick<WriteStream, 'isTTY' | 'columns'>>,
    private readonly total?: number,
  ) {
    this.shows = stream.isTTY === true;
  }

  /** What the bytes of one file flow through. */
  watch(name: string): Transform {
    this.files++;
    return new Transform({
      transform: (chunk: Buffer, _encoding, done) => {
        this.bytes += chunk.length;
        this.draw(name);
        done(null, chunk);
      },
    });
  }

  /** Takes the line away, so that what is said next stands by itself. */
  clear(): void {
    if (this.drawn > 0) this.stream.write('\r\u001b[K');
    this.drawn = 0;
  }

  /** `3 files, 12.0 MiB in 4.1 s`; what was begun counts, so that failures have to be told beside it. */
  summary(failed: number): string {
    this.clear();
    const seconds = (performance.now() - this.began) / 1000;
    return `${this.files} ${this.files === 1 ? 'file' : 'files'}, ${sizeText(this.bytes)} in ${seconds.toFixed(1)} s${failed === 0 ? '' : `; ${failed} failed`}`;
  }

  private draw(name: string): void {
    const now = performance.now();
    if (!this.shows || now - this.drawn < EVERY_MS) return;
    this.drawn = now;
    const rate = `${sizeText((this.bytes / (now - this.began)) * 1000)}/s`;
    const line = this.total
      ? `${bar(this.bytes / this.total)} ${sizeText(this.bytes)} of ${sizeText(this.total)}`
      : sizeText(this.bytes);
    this.stream.write(`\r\u001b[K${`${line}  ${rate}  ${printable(name)}`.slice(0, (this.stream.columns ?? 80) - 1)}`);
  }
}

function bar(part: number): string {
  const filled = Math.min(BAR, Math.floor(part * BAR));
  return `[${'#'.repeat(filled)}${' '.repeat(BAR - filled)}] ${String(Math.min(100, Math.floor(part * 100))).padStart(3)}%`;
}

/** `12.0 MiB`. */
export function sizeText(bytes: number): string {
  let unit = 0;
  let value = bytes;
  for (; value >= 1024 && unit < UNITS.length - 1; unit++) value /= 1024;
  return `${unit === 0 ? Math.round(value) : value.toFixed(1)} ${UNITS[unit]}`;
}

/** A name without what a terminal would obey (C1 controls; the server lets no others into a name). */
export function printable(name: string): string {
  return name.replace(/[\u0000-\u001f\u007f-\u009f]/g, '?');
}

/** A name on standard output: as it is for a program; on a terminal without what that would obey. */
export function shown(name: string): string {
  return process.stdout.isTTY ? printable(name) : name;
}
