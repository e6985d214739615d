import { CallfsError } from '@callfs/core';

/** In the one order in which everybody takes them, each once: so nobody waits in a circle. */
export function inLockOrder(names: readonly string[]): readonly string[] {
  return names.length === 1 ? names : [...new Set(names)].sort();
}

/** `/a/` as `/a`, `/` as the empty string that every path starts with. `INVALID_REQUEST` unless it is an absolute path. */
export function normalPrefix(prefix: string): string {
  if (!prefix.startsWith('/'))
    throw new CallfsError('INVALID_REQUEST', 'A lock prefix is an absolute path such as /a/b; "/" stands for all.');
  return prefix.replace(/\/+$/, '');
}

/** Whether `name` is the path `prefix` (a `normalPrefix`) or below it. */
export function isCovered(prefix: string, name: string): boolean {
  return name.startsWith(prefix) && (name.length === prefix.length || name[prefix.length] === '/');
}
