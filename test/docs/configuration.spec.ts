import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { KEYS } from '../../apps/callfs/src/config/keys';

const text = readFileSync(join(__dirname, '../../docs/configuration.md'), 'utf8');
const rows = text.split('\n').filter((line) => line.startsWith('| `'));

it('every key of the configuration has one row, and every row is of a key', () => {
  expect(rows.map((row) => row.split('`')[1])).toEqual(Object.keys(KEYS));
});

it.each(Object.entries(KEYS))('%s is documented as what it is', (name, { about, type }) => {
  const row = rows.find((line) => line.startsWith(`| \`${name}\` `))?.replaceAll('\\|', '|');
  expect(row).toContain(about);
  expect(row).toContain(type.expects);
});
