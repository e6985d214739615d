import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';

/** A server in a process of its own, on a port of this machine. */
export class ChildServer {
  port;

  constructor(child) {
    this.child = child;
  }

  get url() {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Resident memory now, and the most since the last `resetPeak`, in bytes; proc(5). */
  memory() {
    const status = readFileSync(`/proc/${this.child.pid}/status`, 'utf8');
    const field = (name) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)[1]) * 1024;
    return { resident: field('VmRSS'), peak: field('VmHWM') };
  }

  resetPeak() {
    writeFileSync(`/proc/${this.child.pid}/clear_refs`, '5');
  }

  stop() {
    return ended(this.child, 'SIGTERM');
  }
}

/** Asks a process to end, unless it has, and waits until it has. */
export async function ended(child, signal) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill(signal);
  await once(child, 'exit');
}
