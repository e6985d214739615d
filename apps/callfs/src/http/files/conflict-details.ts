import { CallfsError } from '@callfs/core';
import { VirtualPath } from '@callfs/core';
import type { PublicUrl } from '../public-url';
import type { Placement } from './placement';

/** How a request goes on that found a file where it was to make something. */
const REPLACE_BY = {
  create: 'Use PUT to update it.',
  directory: 'A file stands there: DELETE it, or choose another name.',
  copy: 'Add "?overwrite=true" to replace it.',
  move: 'Send "overwrite": true to replace it.',
  upload: 'Add "overwrite dHJ1ZQ==" to Upload-Metadata to replace it.',
} as const;

/** Adds to `FILE_ALREADY_EXISTS` where the existing thing is and how to go on; other errors pass as they are. */
export function withConflictDetails(
  error: unknown,
  placement: Placement,
  url: PublicUrl,
  asked: keyof typeof REPLACE_BY,
): unknown {
  if (!CallfsError.is(error, 'FILE_ALREADY_EXISTS')) return error;
  const {
    existing_path: path,
    instance_id: where = placement.local.instanceId,
    backend_type: backend = placement.local.backend,
  } = error.details;
  const elsewhere = where !== placement.local.instanceId;
  return new CallfsError(error.code, error.message, {
    cause: error,
    details: {
      ...error.details,
      instance_id: where,
      backend_type: backend,
      ...(elsewhere ? { error: 'Resource exists on another server' } : {}),
      suggestion: suggestion(error.details, elsewhere, asked),
      update_url: url.of(`/v1/files${VirtualPath.fromText(String(path)).toUrl()}`),
    },
  });
}

function suggestion(
  { existing_path: path, existing_type: type }: CallfsError['details'],
  elsewhere: boolean,
  asked: keyof typeof REPLACE_BY,
): string {
  if (type === 'directory') return `It is a directory: name a path in it, as ${String(path)}/…, or another.`;
  return elsewhere ? `File already exists on another server. ${REPLACE_BY[asked]}` : REPLACE_BY[asked];
}
