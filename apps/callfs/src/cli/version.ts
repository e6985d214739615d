import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The version that the package says, from wherever in it this runs. */
export function readVersion(): string {
  let directory = __dirname;
  while (!existsSync(join(directory, 'package.json'))) directory = dirname(directory);
  return (JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8')) as { version: string }).version;
}
