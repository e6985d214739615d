import { readFileSync, writeFileSync } from 'node:fs';

/** Resident memory of a process now, and the most since the last `resetPeakOf`, in bytes; proc(5). */
export function memoryOf(pid) {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const field = (name) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)[1]) * 1024;
  return { resident: field('VmRSS'), peak: field('VmHWM') };
}

export function resetPeakOf(pid) {
  writeFileSync(`/proc/${pid}/clear_refs`, '5');
}
