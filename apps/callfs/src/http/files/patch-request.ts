import { CallfsError, parseRfc3339, VirtualPath, type EpochNs } from '@callfs/core';
import { z } from 'zod';
import type { AttributeRequest } from '../../use-cases/attributes.service';
import type { WantedPlace } from '../../use-cases/relocations.service';

const principal = z.union([z.string().min(1).max(255), z.number().int().min(0)]);
const time = z.string().transform((text, context): EpochNs | 'now' => {
  const parsed = text === 'now' ? text : parseRfc3339(text);
  if (parsed === undefined)
    context.addIssue({ code: 'custom', message: 'expected "now" or an RFC 3339 time between 1678 and 2262' });
  return parsed ?? 'now';
});
const mode = z
  .string()
  .regex(/^0?[0-7]{1,4}$/, 'expected an octal mode from 0 to 07777, such as "0640"')
  .transform((text) => Number.parseInt(text, 8));

const place = { backend: z.string().min(1).optional(), instance: z.string().min(1).optional() };
const rename = z.strictObject({ name: z.string(), overwrite: z.boolean().optional() });
const move = z.strictObject({
  destination: z.string().startsWith('/', 'expected a path that begins with "/"; "name" renames in place'),
  overwrite: z.boolean().optional(),
  create_parents: z.boolean().optional(),
  ...place,
});
const relocation = z.strictObject(place);
const attributes = z
  .strictObject({
    mode: mode.optional(),
    owner: principal.optional(),
    group: principal.optional(),
    mtime: time.optional(),
    atime: time.optional(),
  })
  .refine((body) => Object.keys(body).length > 0, 'nothing to change');

/** What a PATCH asks for: exactly one of them. */
export type PatchRequest =
  | {
      readonly kind: 'move';
      readonly destination: VirtualPath;
      readonly overwrite: boolean;
      readonly createParents: boolean;
      readonly place?: WantedPlace;
    }
  | { readonly kind: 'relocation'; readonly place: WantedPlace }
  | { readonly kind: 'attributes'; readonly changes: Omit<AttributeRequest, 'follow' | 'condition'> };

/** Reads the body of a PATCH of `path`. `INVALID_REQUEST`, `INVALID_PATH`. */
export function readPatch(body: unknown, path: VirtualPath): PatchRequest {
  const { name, destination, backend, instance } = (typeof body === 'object' ? (body ?? {}) : {}) as Record<string, unknown>;
  if (name !== undefined && destination !== undefined) throw invalid('give "name" or "destination", not both');
  if (name !== undefined) {
    const { overwrite = false, ...wanted } = parsed(rename, body);
    const renamed = VirtualPath.name(wanted.name);
    if (path.isRoot) throw invalid('"/" has no name to change');
    return { kind: 'move', destination: path.parent.child(renamed), overwrite, createParents: false };
  }
  if (destination !== undefined) {
    const { overwrite = false, create_parents: createParents = false, ...wanted } = parsed(move, body);
    const isPlaced = wanted.backend !== undefined || wanted.instance !== undefined;
    const where = isPlaced ? { backend: wanted.backend, instance: wanted.instance } : undefined;
    return { kind: 'move', destination: VirtualPath.fromText(wanted.destination), overwrite, createParents, place: where };
  }
  if (backend !== undefined || instance !== undefined) return { kind: 'relocation', place: parsed(relocation, body) };
  return { kind: 'attributes', changes: parsed(attributes, body ?? {}) };
}

function parsed<T>(schema: z.ZodType<T>, body: unknown): T {
  const result = schema.safeParse(body);
  if (result.success) return result.data;
  const problems = result.error.issues.map(({ path, message }) =>
    path.length > 0 ? `"${path.join('.')}": ${message}` : message,
  );
  throw invalid(
    `${problems.join('; ')}. Send exactly one of {"name"}, {"destination", …}, {"backend", "instance"} or {"mode", "owner", "group", "mtime", "atime"}`,
  );
}

function invalid(reason: string): CallfsError {
  return new CallfsError('INVALID_REQUEST', `Invalid PATCH: ${reason}.`);
}
