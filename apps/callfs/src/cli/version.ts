import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Of the package that this program is installed with. */
export function readVersion(): string {
  const manifest = readFileSync(join(__dirname, '../../../../../package.json'), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}
