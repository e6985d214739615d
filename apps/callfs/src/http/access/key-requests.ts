import { KEY_VERBS } from '@callfs/auth';
import { CallfsError, VirtualPath } from '@callfs/core';
import { z } from 'zod';
import { DEFAULT_UMASK } from '../../config/user-type';
import { parseSpan, principalName } from '../../config/value-types';
import { DEFAULT_VERBS, type KeyRequest } from '../../use-cases/access/keys.service';
import type { UserRequest } from '../../use-cases/access/users.service';

/** 2³²−1 means "unchanged" to chown(2); 0 is the superuser's. */
const id = z.number().int().min(1).max(4_294_967_294);
/** A hundred years: what is longer has no end (leave it out), and an end after the year 9999 could not be told. */
const LIFE_MAX_MS = 36_500 * 24 * 3_600_000;
const life = z.string().transform((text, context): number => {
  const ms = parseSpan(text);
  if (ms === undefined || ms < 1 || ms > LIFE_MAX_MS)
    context.addIssue({ code: 'custom', message: 'expected a duration such as 12h or 30d, at most 36500d' });
  return ms ?? 0;
});
const umask = z
  .string()
  .regex(/^0?[0-7]{3}$/, 'expected octal digits, such as "0022"')
  .transform((text) => Number.parseInt(text, 8));

const key = z.strictObject({
  name: z.string().regex(/^[\p{L}\p{N}][\p{L}\p{N} ._@/:+-]{0,63}$/u, 'expected up to 64 letters, digits and . _ @ / : + -'),
  user: z.string().min(1).max(255).optional(),
  path: z.string().startsWith('/', 'expected a path that begins with "/"').optional(),
  verbs: z
    .array(z.enum(KEY_VERBS, { error: `expected ${KEY_VERBS.join(', ')}` }))
    .min(1)
    .optional(),
  expires_in: life.optional(),
});
const ownKey = key.omit({ user: true });

const user = z.strictObject({
  name: principalName.schema,
  uid: id.optional(),
  gid: id.optional(),
  groups: z.array(z.union([principalName.schema, id])).optional(),
  umask: umask.optional(),
});

/** `INVALID_REQUEST`, `INVALID_PATH`. */
export function keyRequestOf(body: unknown): KeyRequest {
  return asRequest(parsed(key, body));
}

/** The same of a caller that asks for itself and cannot name another. */
export function ownKeyRequestOf(body: unknown): KeyRequest {
  return asRequest(parsed(ownKey, body));
}

/** `INVALID_REQUEST`. */
export function userRequestOf(body: unknown): UserRequest {
  const { groups = [], umask: bits = DEFAULT_UMASK, ...request } = parsed(user, body);
  return { ...request, groups, umask: bits };
}

function asRequest({ path = '/', verbs, expires_in: lifeMs, name, user: owner }: z.infer<typeof key>): KeyRequest {
  const chosen = verbs === undefined ? DEFAULT_VERBS : KEY_VERBS.filter((verb) => verbs.includes(verb));
  return { user: owner, name, path: VirtualPath.fromText(path), verbs: chosen, lifeMs };
}

function parsed<T>(schema: z.ZodType<T>, body: unknown): T {
  const { success, data, error } = schema.safeParse(body);
  if (success) return data;
  const [issue] = error.issues;
  const where = issue?.path.join('.') || 'The body';
  throw new CallfsError('INVALID_REQUEST', `${where}: ${issue?.message ?? 'is not what is expected'}.`);
}
