import { expect, it } from 'vitest';
import { acceptsGzip } from './accept-encoding';

it.each<[string | undefined, boolean]>([
  [undefined, false],
  ['', false],
  ['identity', false],
  ['gzip', true],
  ['GZIP', true],
  ['br, deflate', false],
  ['deflate, gzip;q=0.5, br', true],
  ['gzip;q=0', false],
  ['gzip; q=0.000', false],
  ['*', true],
  ['*;q=0', false],
  ['*;q=1, gzip;q=0', false],
  ['gzip;q=nonsense', false],
  ['gzipped', false],
])('%j: %s', (field, accepted) => {
  expect(acceptsGzip(field)).toBe(accepted);
});
