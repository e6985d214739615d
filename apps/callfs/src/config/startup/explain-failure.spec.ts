import { CallfsError } from '@callfs/core';
import { expect, it } from 'vitest';
import type { CallfsConfig } from '../config';
import { explainFailure } from './explain-failure';

it('a driver that was built for another Node.js is told as that, and not as a file that cannot be opened', () => {
  const cause = new Error(
    'The module was compiled using\nNODE_MODULE_VERSION 115. This version of Node.js requires\nNODE_MODULE_VERSION 127.',
  );
  const failure = new CallfsError(
    'METADATA_UNAVAILABLE',
    'The metadata file /m cannot be opened. Check metadata_store.sqlite_path.',
    { cause },
  );

  expect(explainFailure(failure, {} as CallfsConfig)?.message).toMatch(
    /^The SQLite driver was built for another version of Node\.js than this [\d.]+\. Run "npm ci" with this one, .+\.$/,
  );
});
