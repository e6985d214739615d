import { CallfsError } from '@callfs/core';
import { z } from 'zod';

/** The body that makes a symbolic link, and that GET with `follow=false` answers for one. */
export const SYMLINK_MEDIA_TYPE = 'application/vnd.callfs.symlink+json';

const symlink = z.strictObject({ target: z.string() });
const directory = z.strictObject({
  type: z.literal('directory').optional(),
  mode: z
    .string()
    .regex(/^0?[0-7]{1,4}$/)
    .transform((text) => Number.parseInt(text, 8))
    .optional(),
});

/** `INVALID_REQUEST`. */
export function readSymlinkRequest(body: unknown): z.infer<typeof symlink> {
  const result = symlink.safeParse(body);
  if (result.success) return result.data;
  throw new CallfsError('INVALID_REQUEST', 'The body of a symbolic link is {"target":"<path>"} and nothing else.');
}

/** `INVALID_REQUEST`; no body at all is fine. */
export function readDirectoryRequest(body: unknown): z.infer<typeof directory> {
  const result = directory.safeParse(body ?? {});
  if (result.success) return result.data;
  throw new CallfsError(
    'INVALID_REQUEST',
    'The body of a directory is empty or {"type":"directory","mode":"0755"}; "mode" is octal.',
  );
}
