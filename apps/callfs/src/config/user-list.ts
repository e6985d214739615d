import { z } from 'zod';
import type { UserConfig } from './config';

const id = z.number().int().min(0).max(4_294_967_294);
const user = z.strictObject({
  name: z.string().regex(/^[A-Za-z_][A-Za-z0-9_.-]{0,63}$/, 'expected a user name'),
  uid: id.optional(),
  gid: id.optional(),
  groups: z.array(z.union([z.string().min(1), id])).default([]),
  keys: z.array(z.string()).default([]),
  umask: z
    .union([z.string().regex(/^0?[0-7]{1,3}$/, 'expected an octal umask such as "022"'), z.number().int().min(0).max(0o777)])
    .default('022')
    .transform((umask) => (typeof umask === 'string' ? Number.parseInt(umask, 8) : umask)),
});

/** Reads `auth.users`; problems are told without values. */
export function readUsers(raw: unknown, report: (message: string) => void): readonly UserConfig[] {
  const result = z.array(user).safeParse(raw);
  if (result.success) return result.data;
  for (const { path, message } of result.error.issues) report(`${path.length > 0 ? `${path.join('.')}: ` : ''}${message}`);
  return [];
}
