import { CallfsError, isAddressRange, VirtualPath } from '@callfs/core';
import { z } from 'zod';
import type { LinkRequest } from '../../use-cases/links/links.service';

/** A week. */
export const EXPIRY_MAX_SECONDS = 604_800;
export const USES_MAX = 1_000_000;
const FILENAME_MAX_CHARS = 255;
const PASSWORD_MAX_CHARS = 256;
const CIDRS_MAX = 64;

const text = (max: number) =>
  z
    .string()
    .min(1)
    .max(max)
    .refine((value) => Buffer.from(value).toString() === value, 'is not valid Unicode');

const generate = z.strictObject({
  path: z.string().min(1),
  expiry_seconds: z.number().int().min(1).max(EXPIRY_MAX_SECONDS),
  max_uses: z.number().int().min(1).max(USES_MAX).optional(),
  filename: text(FILENAME_MAX_CHARS).optional(),
  password: text(PASSWORD_MAX_CHARS).optional(),
  allow_cidrs: z
    .array(z.string().refine(isAddressRange, 'expected an IP address or a network such as 10.0.0.0/8'))
    .min(1, 'an empty list allows nobody; leave it out to allow every address')
    .max(CIDRS_MAX)
    .optional(),
});

/** Reads the body that asks for a link. `INVALID_REQUEST`, `INVALID_PATH`. */
export function readLinkRequest(body: unknown): LinkRequest & { readonly path: VirtualPath } {
  const result = generate.safeParse(body ?? {});
  if (!result.success) throw invalid(result.error);
  const { path, expiry_seconds: seconds, max_uses: maxUses = 1, filename, password, allow_cidrs: allowCidrs = [] } = result.data;
  return { path: VirtualPath.fromText(path), lifeMs: seconds * 1000, maxUses, filename, password, allowCidrs };
}

/** Never quotes a value: one of them is a password. */
function invalid({ issues }: z.ZodError): CallfsError {
  const problems = issues.map(({ path, message }) => (path.length > 0 ? `"${path.join('.')}": ${message}` : message));
  const form = '{"path", "expiry_seconds": 1 to 604800} and, as you like, "max_uses", "filename", "password", "allow_cidrs"';
  return new CallfsError('INVALID_REQUEST', `Invalid link: ${problems.join('; ')}. Send ${form}.`);
}
