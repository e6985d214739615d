import { expect, it } from 'vitest';
import { metadataError } from './postgres-errors';

const failure = (code?: string) => Object.assign(new Error('it failed'), { code });

it.each([
  ['EPIPE', /not known/],
  ['ECONNRESET', /not known/],
  [undefined, /not known/],
  ['57P01', /not known/],
  ['08006', /not known/],
  ['25P03', /^The metadata store failed; try again\.$/],
  ['XX000', /^The metadata store failed; try again\.$/],
])('of a commit that failed with %s it says whether the change may have been made', (code, message) => {
  expect(metadataError(failure(code), true)).toMatchObject({
    code: 'METADATA_UNAVAILABLE',
    message: expect.stringMatching(message),
  });
});
