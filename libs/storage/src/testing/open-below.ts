import { readdirSync, readlinkSync } from 'node:fs';

/** How many files below a directory this process has open, removed ones included. What it has open elsewhere may change at any time. */
export function openBelow(directory: string): number {
  return readdirSync('/proc/self/fd').filter((fd) => targetOf(fd).startsWith(`${directory}/`)).length;
}

/** Empty when it is closed by now. */
function targetOf(fd: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return '';
  }
}
