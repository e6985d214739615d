// Loaded into a server that is measured (`--import`): how long one turn of its event loop took at most. SIGUSR2 has it
// written to `loop-hold.json` in the working directory, and begins anew.
//
// What the thread waited for a processor does not count: that other programs of the machine were at work is no fault of the
// turn (/proc/<pid>/task/<tid>/schedstat: time on a processor and time waiting for one, in nanoseconds).
import { openSync, readSync, renameSync, writeFileSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';

if (isMainThread) {
  const stat = openSync(`/proc/self/task/${process.pid}/schedstat`);
  const text = Buffer.alloc(64);
  const waitedMs = () => Number(text.latin1Slice(0, readSync(stat, text, 0, text.length, 0)).split(' ')[1]) / 1e6;

  let longest = { heldMs: 0, wallMs: 0 };
  let last = { atMs: performance.now(), waitedMs: waitedMs() };
  const look = () => {
    const now = { atMs: performance.now(), waitedMs: waitedMs() };
    const wallMs = now.atMs - last.atMs;
    const heldMs = wallMs - (now.waitedMs - last.waitedMs);
    last = now;
    longest = { heldMs: Math.max(longest.heldMs, heldMs), wallMs: Math.max(longest.wallMs, wallMs) };
  };
  setInterval(look, 1).unref();
  process.on('SIGUSR2', () => {
    writeFileSync('loop-hold.json.new', JSON.stringify(longest));
    renameSync('loop-hold.json.new', 'loop-hold.json');
    longest = { heldMs: 0, wallMs: 0 };
  });
}
