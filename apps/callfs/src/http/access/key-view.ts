import { KEY_VERBS, type KeyVerb } from '@callfs/auth';
import type { KeyRow } from '../../use-cases/access/access-rows';
import type { EndedWithKey } from '../../use-cases/access/keys.service';
import type { KnownUser } from '../../use-cases/access/users.service';

/** A key as the API shows it: everything but the key. */
export interface KeyView {
  readonly id: string;
  readonly parent: string | null;
  readonly name: string;
  readonly user: string;
  readonly path: string;
  readonly verbs: readonly KeyVerb[];
  readonly state: 'valid' | 'expired' | 'revoked';
  readonly created_at: string;
  readonly created_by: string;
  readonly expires_at: string | null;
  readonly last_used_at: string | null;
  readonly revoked_at: string | null;
}

/** What ended with a key, as the API tells it. */
export type RevocationView = EndedWithKey;

/** A user as the API shows it. */
export interface UserView {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly group: string;
  readonly groups: readonly number[];
  readonly group_names: readonly string[];
  readonly umask: string;
  readonly source: KnownUser['source'];
}

export function keyView(row: KeyRow): KeyView {
  const { id, parent, name, user, path, verbs, createdMs, createdBy, expiresMs, isExpired, usedMs, revokedMs } = row;
  return {
    id,
    parent,
    name,
    user,
    path,
    verbs,
    state: revokedMs !== null ? 'revoked' : isExpired ? 'expired' : 'valid',
    created_at: new Date(createdMs).toISOString(),
    created_by: createdBy,
    expires_at: timeOf(expiresMs),
    last_used_at: timeOf(usedMs),
    revoked_at: timeOf(revokedMs),
  };
}

export function userView({ user, uid, gid, group, groups, groupNames, umask, source }: KnownUser): UserView {
  const bits = umask.toString(8).padStart(4, '0');
  return { name: user, uid, gid, group, groups, group_names: groupNames, umask: bits, source };
}

/** The last that RFC 3339 can tell; versions before let keys end after it. */
const LAST_MS = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

function timeOf(ms: number | null): string | null {
  return ms === null ? null : new Date(Math.min(ms, LAST_MS)).toISOString();
}

const text = { type: 'string' } as const;
const time = { type: 'string', format: 'date-time' } as const;
const id = { type: 'integer', minimum: 1 } as const;
const verbs = { type: 'array', items: { type: 'string', enum: [...KEY_VERBS] } };

const key = {
  id: { type: 'string', description: 'The first digits of its SHA-256; logs and the audit name it so' },
  parent: { ...text, nullable: true, description: 'The key that it was made with, and ends with' },
  name: text,
  user: text,
  path: { type: 'string', description: 'It is good for this and everything below' },
  verbs,
  state: { type: 'string', enum: ['valid', 'expired', 'revoked'] },
  created_at: time,
  created_by: text,
  expires_at: { ...time, nullable: true },
  last_used_at: { ...time, nullable: true },
  revoked_at: { ...time, nullable: true },
};

export const KEY_SCHEMA = { type: 'object', properties: key };
export const REVOCATION_SCHEMA = {
  type: 'object',
  properties: {
    id: text,
    keys: { type: 'array', items: text, description: 'The keys that were made with it, and those with them' },
    links: { type: 'integer', description: 'How many links that these keys had made' },
  },
};
export const ISSUED_KEY_SCHEMA = {
  type: 'object',
  properties: { key: { type: 'string', description: 'Told this once' }, ...key },
};

const ownKeyRequest = {
  name: { type: 'string', description: 'What it is for' },
  path: { type: 'string', default: '/', description: 'It is to be good for this and everything below' },
  verbs: {
    ...verbs,
    default: ['read', 'list', 'write', 'delete', 'share'],
    description: '`admin` only for the superuser and `/`',
  },
  expires_in: { type: 'string', example: '30d', description: 'Without it the key does not expire' },
};

export const OWN_KEY_REQUEST_SCHEMA = { type: 'object', required: ['name'], properties: ownKeyRequest };
export const KEY_REQUEST_SCHEMA = {
  type: 'object',
  required: ['name'],
  properties: { user: { type: 'string', description: 'Whom it is to stand for; the caller without' }, ...ownKeyRequest },
};

export const USER_SCHEMA = {
  type: 'object',
  properties: {
    name: text,
    uid: id,
    gid: id,
    group: { ...text, description: 'The name of `gid`' },
    groups: { type: 'array', items: id, description: 'More groups' },
    group_names: { type: 'array', items: text, description: 'Their names, in the same order; of one without, its number' },
    umask: text,
    source: { type: 'string', enum: ['configuration', 'metadata'] },
  },
};

export const USER_REQUEST_SCHEMA = {
  type: 'object',
  required: ['name'],
  properties: {
    name: text,
    uid: { ...id, description: 'Chosen without, from 1000, once for each name' },
    gid: { ...id, description: "The user's own group without" },
    groups: { type: 'array', items: { oneOf: [text, id] }, description: 'More groups, by name or number' },
    umask: { type: 'string', default: '0022' },
  },
};

/** A listing of `items`. */
export const listOf = (items: object) => ({
  'application/json': {
    schema: { type: 'object', properties: { count: { type: 'integer' }, items: { type: 'array', items } } },
  },
});
