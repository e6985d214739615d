import { existsSync } from 'node:fs';
import { dirname } from 'node:path';

/** The directory, or the first one above it that is there: what a recursive mkdir would begin in. */
export function nearestExisting(directory: string): string {
  return existsSync(directory) || dirname(directory) === directory ? directory : nearestExisting(dirname(directory));
}
