import type { RemoteEntry } from './file-client';
import { shown } from './progress';

const TYPES = { file: '-', directory: 'd', symlink: 'l' } as const;

/** One line of `ls -l`. */
export function longLine({ type, mode, owner, group, size, mtime, target }: RemoteEntry, name: string): string {
  const time = mtime.slice(0, 16).replace('T', ' ');
  const end = type === 'directory' ? '/' : target === undefined ? '' : ` -> ${shown(target)}`;
  return `${TYPES[type]}${permissions(Number.parseInt(mode, 8))} ${owner.padEnd(8)} ${group.padEnd(8)} ${String(size).padStart(12)} ${time} ${shown(name)}${end}\n`;
}

/** `rwxr-x--t`. */
export function permissions(mode: number): string {
  const triple = (bits: number, special: boolean, letter: string) =>
    (bits & 4 ? 'r' : '-') +
    (bits & 2 ? 'w' : '-') +
    (special ? (bits & 1 ? letter : letter.toUpperCase()) : bits & 1 ? 'x' : '-');
  return (
    triple(mode >> 6, (mode & 0o4000) !== 0, 's') +
    triple(mode >> 3, (mode & 0o2000) !== 0, 's') +
    triple(mode, (mode & 0o1000) !== 0, 't')
  );
}
