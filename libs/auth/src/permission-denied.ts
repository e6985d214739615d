import { CallfsError, isInGroup, mayAccess, READ, WRITE, EXECUTE, type AccessAttributes, type VirtualPath } from '@callfs/core';
import type { Identity } from './identity';

/** Names for the numbers in messages. */
export interface OwnerNames {
  userName(uid: number): string;
  groupName(gid: number): string;
}

/** What is refused: to whom, at which inode, where it is. */
export interface Refusal {
  readonly identity: Identity;
  readonly attributes: AccessAttributes;
  readonly path: VirtualPath;
  /** Completes "alice may not …", up to the path: `write to`. */
  readonly doing: string;
}

const RIGHTS = [
  { bit: READ, letter: 'r', word: 'read' },
  { bit: WRITE, letter: 'w', word: 'write' },
  { bit: EXECUTE, letter: 'x', word: 'search' },
] as const;

/** A refusal because of the mode's bits (EACCES): says which are missing and what chmod(1) would give them. */
export function accessDenied(refusal: Refusal, wanted: number, names: OwnerNames): CallfsError {
  const { identity, attributes } = refusal;
  const missing = RIGHTS.filter(({ bit }) => (wanted & bit) !== 0 && !mayAccess(identity, attributes, bit));
  const words = missing.map(({ word }) => word).join(' and ');
  const bits = missing.reduce((sum, { bit }) => sum | bit, 0);
  const given = octal(attributes.mode | (bits << shiftOf(identity, attributes)));
  const change = `chmod ${classOf(identity, attributes)}+${missing.map(({ letter }) => letter).join('')} (PATCH {"mode":"${given}"})`;
  const owner = names.userName(attributes.uid);
  const isOwner = identity.uid === attributes.uid;
  const next = isOwner ? `Give it to yourself with ${change}.` : `Ask ${owner} or the superuser for ${change}.`;
  return denied(refusal, `${words} permission is missing`, next, names, { missing: words });
}

/** A refusal because only an owner or the superuser may do this, whatever the mode says (EPERM). */
export function ownershipDenied(refusal: Refusal, rule: string, owners: readonly number[], names: OwnerNames): CallfsError {
  const asked = [...new Set(owners)].map((uid) => names.userName(uid)).filter((name) => name !== 'root');
  return denied(refusal, rule, `Ask ${[...asked, 'the superuser'].join(' or ')} to do it.`, names, { missing: 'ownership' });
}

function denied(
  { identity, attributes, path, doing }: Refusal,
  reason: string,
  next: string,
  names: OwnerNames,
  details: { missing: string },
): CallfsError {
  const mode = octal(attributes.mode);
  const owner = names.userName(attributes.uid);
  const group = names.groupName(attributes.gid);
  const at = path.toString();
  return new CallfsError(
    'PERMISSION_DENIED',
    `${identity.user} may not ${doing} ${at} (mode ${mode}, owner ${owner}, group ${group}): ${reason}. ${next}`,
    { details: { path: at, mode, owner, group, ...details } },
  );
}

function octal(mode: number): string {
  return mode.toString(8).padStart(4, '0');
}

/** The class of bits that decides for `identity`. */
function classOf(identity: Identity, { uid, gid }: AccessAttributes): 'u' | 'g' | 'o' {
  if (identity.uid === uid) return 'u';
  return isInGroup(identity, gid) ? 'g' : 'o';
}

function shiftOf(identity: Identity, attributes: AccessAttributes): number {
  return { u: 6, g: 3, o: 0 }[classOf(identity, attributes)];
}
