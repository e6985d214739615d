import { CallfsError, isSuperuser, VirtualPath } from '@callfs/core';
import type { Identity } from './identity';

/**
 * What a key may be good for. `read`: content and attributes of files; `list`: directories and the attributes of what is in
 * them; `write`: creating, replacing, changing attributes; `delete`: removing, and taking away by a rename; `share`: links
 * for people without a key; `admin`: the routes of the superuser.
 */
export const KEY_VERBS = ['read', 'list', 'write', 'delete', 'share', 'admin'] as const;

export type KeyVerb = (typeof KEY_VERBS)[number];

/** What an issued key is limited to: within what its user may do, these verbs, at and below this path, until then. */
export interface KeyScope {
  readonly path: VirtualPath;
  readonly verbs: readonly KeyVerb[];
  /** Absent: it does not expire. */
  readonly expiresMs?: number;
}

/**
 * `PERMISSION_DENIED` when the caller's key is not good for any of `verbs`, at `path` if it is about one. Use cases ask it
 * before they look anything up, so that a key tells nothing of what there is by how it is refused.
 */
export function requireVerb({ scope, keyId, user }: Identity, verbs: readonly KeyVerb[], path?: VirtualPath): void {
  if (!scope || verbs.some((verb) => scope.verbs.includes(verb))) return;
  const wanted = verbs.join(' or ');
  const given = scope.verbs.join(', ');
  throw new CallfsError(
    'PERMISSION_DENIED',
    `The API key ${keyId} of ${user} is limited to ${given}, and this takes ${wanted}. Use a key that has it.`,
    { details: { ...(path && { path: path.toString() }), key_id: keyId, verbs: scope.verbs, missing: wanted } },
  );
}

/** `PERMISSION_DENIED` when `path` is neither what the caller's key is limited to nor below it. */
export function requireWithin({ scope, keyId, user }: Identity, path: VirtualPath): void {
  if (!scope || path.isWithin(scope.path)) return;
  const limit = scope.path.toString();
  throw new CallfsError(
    'PERMISSION_DENIED',
    `The API key ${keyId} of ${user} is limited to ${limit}; ${path.toString()} is outside of it. Use another key.`,
    { details: { path: path.toString(), key_id: keyId, scope: limit } },
  );
}

/** `PERMISSION_DENIED` for whoever is not the superuser, with a key that is not limited or has `admin`. */
export function requireAdministrator(identity: Identity): void {
  if (!isSuperuser(identity))
    throw new CallfsError('PERMISSION_DENIED', 'Only a superuser key may do this: one of auth.api_keys.');
  requireVerb(identity, ['admin']);
  requireWithin(identity, VirtualPath.root);
}

/** Whether whoever has `inner` could do nothing that `outer` could not; no scope is everything. */
export function isScopeWithin(inner: KeyScope | undefined, outer: KeyScope | undefined): boolean {
  if (!outer) return true;
  if (!inner) return false;
  const ends = (scope: KeyScope) => scope.expiresMs ?? Number.POSITIVE_INFINITY;
  return inner.path.isWithin(outer.path) && inner.verbs.every((verb) => outer.verbs.includes(verb)) && ends(inner) <= ends(outer);
}
