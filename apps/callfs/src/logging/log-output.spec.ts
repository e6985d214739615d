import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { LogOutput } from './log-output';

const directory = fs.mkdtempSync(join(tmpdir(), 'callfs-test-'));
const fifo = join(directory, 'fifo');
execFileSync('mkfifo', [fifo]);
/** For both ends, and never waiting: a pipe that nobody empties. */
const pipe = fs.openSync(fifo, fs.constants.O_RDWR | fs.constants.O_NONBLOCK);
afterEach(() => fs.rmSync(directory, { recursive: true, force: true }));

function readAll(): string {
  const buffer = Buffer.alloc(64 * 1024);
  let text = '';
  for (;;) {
    try {
      text += buffer.toString('latin1', 0, fs.readSync(pipe, buffer));
    } catch {
      return text;
    }
  }
}

it('a reader that takes nothing costs lines beyond what is kept, in their order, and that is told once it reads on', async () => {
  const told: string[] = [];
  let lost = 0;
  const output = new LogOutput(pipe, 8_192, {
    failed: (code) => told.push(`failed ${code}`),
    lost: (lines) => (lost += lines),
    recovered: (_, lines) => told.push(`recovered, ${lines} lost`),
  });
  const COUNT = 40_000;
  const line = (i: number) => `${String(i).padStart(49, '0')}\n`;
  for (let i = 0; i < COUNT; i++) output.write(line(i));
  expect(lost).toBeGreaterThan(COUNT / 4);
  const kept = COUNT - lost;
  expect(kept * 50).toBeGreaterThan(1024 * 1024);

  let text = '';
  await expect.poll(() => (text += readAll()).length, { timeout: 60_000, interval: 5 }).toBe(kept * 50);
  expect(text === Array.from({ length: kept }, (_, i) => line(i)).join('')).toBe(true);
  expect(told).toEqual([`recovered, ${lost} lost`]);
  fs.closeSync(pipe);
});
