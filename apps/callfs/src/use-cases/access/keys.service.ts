import { randomBytes } from 'node:crypto';
import { Injectable, Logger } from '@nestjs/common';
import {
  digestKey,
  isKeyId,
  isScopeWithin,
  ISSUED_KEY_PREFIX,
  keyEnded,
  keyIdOf,
  requireAdministrator,
  type Identity,
  type KeyScope,
  type KeyVerb,
} from '@callfs/auth';
import { CallfsError, isSuperuser, VirtualPath } from '@callfs/core';
import type { Caller } from '../caller';
import { AccessRows, type KeyRow } from './access-rows';
import { KeyRing } from './key-ring';
import { noSuchUser } from './person';

/** What a key without wishes is good for: whatever its user may do to files. */
export const DEFAULT_VERBS: readonly KeyVerb[] = ['read', 'list', 'write', 'delete', 'share'];

const RANDOM_BYTES = 32;
/** So many valid keys a user may have, and so many that have ended are still told of. */
const KEYS_MAX = 1000;

/** What a key is to be. */
export interface KeyRequest {
  /** The caller itself when absent. */
  readonly user?: string;
  readonly name: string;
  readonly path: VirtualPath;
  readonly verbs: readonly KeyVerb[];
  /** From now; absent: it does not expire. */
  readonly lifeMs?: number;
}

/** A key, and the one time that it is told. */
export interface IssuedKey {
  readonly key: string;
  readonly row: KeyRow;
}

/** What ended with a key: the keys made with it, with what was made with those, and links. */
export interface EndedWithKey {
  readonly id: string;
  readonly keys: readonly string[];
  readonly links: number;
}

/**
 * Issuing, listing and revoking keys: one's own, or as an administrator everybody's. Nobody issues, sees or revokes with a
 * key what is stronger than the key itself, and what was made with a key ends with it.
 */
@Injectable()
export class KeysService {
  private readonly logger = new Logger(KeysService.name);

  constructor(
    private readonly rows: AccessRows,
    private readonly ring: KeyRing,
  ) {}

  /**
   * `USER_NOT_FOUND`; `INVALID_REQUEST` for `admin` that could not be used; `PERMISSION_DENIED`; `INSUFFICIENT_STORAGE` when the
   * user has as many as there may be. It counts on this node at once.
   */
  async create(caller: Caller, request: KeyRequest): Promise<IssuedKey> {
    const { identity } = caller;
    const { user = identity.user, name, path, verbs, lifeMs } = request;
    if (user !== identity.user) requireAdministrator(identity);
    const person = this.ring.person(user);
    if (!person) throw noSuchUser(user);
    const forWhat = `for ${user}: ${verbs.join(', ')} in ${path.toString()}`;
    caller.note?.({ operation: 'key.create', paths: [], detail: forWhat });
    const createdMs = await this.rows.nowMs();
    const expiresMs = lifeMs === undefined ? null : createdMs + lifeMs;
    const scope: KeyScope = { path, verbs, expiresMs: expiresMs ?? undefined };
    if (verbs.includes('admin') && !(isSuperuser(person) && path.isRoot))
      throw new CallfsError('INVALID_REQUEST', 'The verb "admin" is for keys of the superuser that are not limited to a path.');
    if (!isScopeWithin(scope, identity.scope)) throw stronger(identity);
    for (;;) {
      const key = ISSUED_KEY_PREFIX + randomBytes(RANDOM_BYTES).toString('base64url');
      const digest = digestKey(key);
      const common = { digest, id: keyIdOf(digest), name, user, path: path.toString(), verbs };
      const times = { createdMs, expiresMs, isExpired: false, usedMs: null, revokedMs: null };
      const row: KeyRow = { ...common, ...times, parent: identity.keyId, createdBy: identity.user };
      const isParentIssued = identity.scope !== undefined;
      try {
        if (!(await this.rows.insertKey(row, { most: KEYS_MAX, isParentIssued }))) await this.refuse(caller, user);
      } catch (error) {
        if (CallfsError.is(error, 'CONFLICT')) continue;
        throw error;
      }
      await this.ring.refresh();
      caller.note?.({ operation: 'key.create', paths: [], detail: `${row.id} ${forWhat}` });
      this.logger.log({ user: identity.user, request_id: caller.requestId, key_id: row.id, for: user }, 'an API key was issued');
      return { key, row };
    }
  }

  /** The caller's keys, the newest first. */
  async own({ identity }: Caller): Promise<KeyRow[]> {
    await this.ring.noteUses();
    const rows = await this.rows.keys(identity.user);
    return rows.filter((row) => row.id === identity.keyId || isScopeWithin(scopeOf(row), identity.scope));
  }

  /** Everybody's, or one user's. */
  async all({ identity }: Caller, user?: string): Promise<KeyRow[]> {
    requireAdministrator(identity);
    await this.ring.noteUses();
    return this.rows.keys(user);
  }

  /**
   * It ends, with all that was made with it, on this node at once and on all within a second; revoking again does no harm.
   * The superuser may name a key that was taken out of the configuration: what was made with that has gone on until now.
   * `KEY_NOT_FOUND`.
   */
  async revoke(caller: Caller, id: string, options: { readonly ownOnly: boolean }): Promise<EndedWithKey> {
    const { identity } = caller;
    if (!isKeyId(id)) throw noKeyId();
    caller.note?.({ operation: 'key.revoke', paths: [], detail: id });
    if (!options.ownOnly) requireAdministrator(identity);
    const row = await this.rows.key(id);
    const mayBeFormer = !row && !options.ownOnly && !identity.scope && !this.ring.isConfiguredKey(id);
    if (row ? options.ownOnly && row.user !== identity.user : !mayBeFormer) throw noSuchKey(id);
    if (row && id !== identity.keyId && !isScopeWithin(scopeOf(row), identity.scope)) throw stronger(identity);
    const keys = await this.rows.endKeys(id);
    await this.ring.refresh();
    // Nobody makes another with it now. Whoever is not told that all have ended revokes it again.
    const links = await this.rows.endLinksOfKey(id);
    if (mayBeFormer && keys.length + links === 0) throw noSuchKey(id);
    const told = { id, keys: keys.filter((key) => key !== id), links };
    caller.note?.({ operation: 'key.revoke', paths: [], detail: inWords(told) });
    const what = { key_id: id, of: row?.user, keys: told.keys, links: told.links };
    this.logger.log({ user: identity.user, request_id: caller.requestId, ...what }, 'an API key was revoked');
    return told;
  }

  /** Why a key was not made. */
  private async refuse({ identity }: Caller, user: string): Promise<never> {
    const maker = identity.scope && (await this.rows.key(identity.keyId));
    if (identity.scope && (!maker || maker.revokedMs !== null)) throw keyEnded(identity);
    throw new CallfsError(
      'INSUFFICIENT_STORAGE',
      `${user} has ${KEYS_MAX} valid keys, as many as there may be. Revoke some that are not needed any more (GET /v1/keys lists them), and let keys expire.`,
      { details: { user, max: KEYS_MAX } },
    );
  }
}

function noSuchKey(id: string): CallfsError {
  return new CallfsError('KEY_NOT_FOUND', `There is no API key ${id} here. Keys of the configuration end by changing it.`);
}

/** What was sent instead is not told, since it may be the key. */
function noKeyId(): CallfsError {
  const message = 'An API key is named by its id, 8 digits that "callfs keys list" shows, and not by itself.';
  return new CallfsError('KEY_NOT_FOUND', message);
}

/** For the audit. */
function inWords({ id, keys, links }: EndedWithKey): string {
  if (keys.length + links === 0) return id;
  return `${id}, with ${links} links and ${keys.length} keys: ${keys.join(', ')}`;
}

function scopeOf({ path, verbs, expiresMs }: KeyRow): KeyScope {
  return { path: VirtualPath.fromText(path), verbs, expiresMs: expiresMs ?? undefined };
}

function stronger({ keyId, scope }: Identity): CallfsError {
  const { path = VirtualPath.root, verbs = [], expiresMs } = scope ?? {};
  const until = expiresMs === undefined ? '' : `, until ${new Date(expiresMs).toISOString()}`;
  const limit = `${verbs.join(', ')} in ${path.toString()}${until}`;
  return new CallfsError(
    'PERMISSION_DENIED',
    `A key cannot make or end a stronger one: the API key ${keyId} is limited to ${limit}. Ask for no more, or use another key.`,
    { details: { key_id: keyId, scope: path.toString(), verbs } },
  );
}
