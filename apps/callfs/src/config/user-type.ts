import { z } from 'zod';
import type { UserConfig } from './config';
import { apiKey, integer, listOf, principalName, umask, type ValueType } from './value-types';

export const DEFAULT_UMASK = 0o022;
/** One below the number that chown(2) takes for "unchanged". */
const MAX_ID = 2 ** 32 - 2;

const id = integer(1, MAX_ID);

const group = z.unknown().transform((input, context): string | number => {
  const judged = (typeof input === 'number' ? id : principalName).schema.safeParse(input);
  if (judged.success) return judged.data;
  context.issues.push({ code: 'custom', message: 'expected the name or the number of a group', input });
  return z.NEVER;
});

const expects = 'a list of users, each {name, uid, gid, groups, keys, umask}';

const user = z.strictObject(
  {
    name: principalName.schema,
    uid: id.schema.optional(),
    gid: id.schema.optional(),
    groups: z.array(group, { error: 'expected a list of groups, by name or number' }).default([]),
    keys: z.array(apiKey.schema, { error: `expected ${listOf(apiKey).expects}` }).default([]),
    umask: umask.schema.default(DEFAULT_UMASK),
  },
  { error: (issue) => (issue.code === 'invalid_type' ? 'expected a user: {name, uid, gid, groups, keys, umask}' : undefined) },
);

/** `auth.users`. */
export const configuredUsers: ValueType<UserConfig[]> = {
  form: 'json',
  expects,
  schema: z.array(user, { error: `expected ${expects}` }),
  names: Object.keys(user.shape),
};
