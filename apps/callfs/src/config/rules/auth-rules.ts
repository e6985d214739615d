import { createHash } from 'node:crypto';
import type { ValuePath } from '../config-file';
import type { KeyName } from '../keys';
import { weaknessOf } from '../weak-secret';
import type { Judgement } from './judgement';

export function judgeAuth(judgement: Judgement): void {
  judgeSecrets(judgement);
  judgeUsers(judgement);
  judgeKeys(judgement);
}

function judgeSecrets({ values, isGiven, refuse }: Judgement): void {
  const names = ['auth.internal_proxy_secret', 'auth.single_use_link_secret'] as const;
  for (const name of names) {
    const secret = values[name];
    const weakness = secret === undefined ? undefined : weaknessOf(secret);
    if (!isGiven(name))
      refuse(name, 'is missing; expected a random secret of 16 characters or more, as "callfs config init" makes');
    if (weakness !== undefined) refuse(name, `${weakness}; expected a random secret, such as "openssl rand -hex 32" prints`);
  }
  const [proxy, link] = names.map((name) => values[name]);
  if (proxy !== undefined && proxy === link) refuse(names[1], `is the same as ${names[0]}; expected a secret of its own`);
}

interface PlacedKey {
  readonly name: KeyName;
  readonly path: ValuePath;
  readonly key: string;
}

function keysOf({ values }: Judgement): PlacedKey[] {
  return [
    ...(values['auth.api_keys'] ?? []).map((key, index) => ({ name: 'auth.api_keys', path: [index], key }) as const),
    ...Object.entries(values['auth.api_key_users'] ?? {}).map(
      ([user, key]) => ({ name: 'auth.api_key_users', path: [user], key }) as const,
    ),
    ...(values['auth.users'] ?? []).flatMap(({ keys }, user) =>
      keys.map((key, index) => ({ name: 'auth.users', path: [user, 'keys', index], key }) as const),
    ),
  ];
}

function judgeKeys(judgement: Judgement): void {
  const { values, isGiven, refuse, warn } = judgement;
  const keys = keysOf(judgement);
  const wrongOnes = (['auth.api_keys', 'auth.api_key_users', 'auth.users'] as const).some(
    (name) => isGiven(name) && values[name] === undefined,
  );
  if (keys.length === 0 && !wrongOnes)
    refuse('auth.api_keys', 'is missing; expected at least one key, as nobody could use this server without');

  const secrets = new Set(
    [values['auth.internal_proxy_secret'], values['auth.single_use_link_secret']]
      .filter((secret) => secret !== undefined)
      .map(digest),
  );
  const seen = new Set<string>();
  for (const { name, path, key } of keys) {
    const hash = key.startsWith('sha256:') ? key.slice(7).toLowerCase() : digest(key);
    if (seen.has(hash)) refuse(name, 'the same key is there twice; each stands for one user', path);
    if (secrets.has(hash)) refuse(name, 'is one of the secrets; a secret must not be a key as well', path);
    seen.add(hash);
    const weakness = weaknessOf(key);
    if (weakness === 'is a placeholder') refuse(name, 'is a placeholder; expected a random key', path);
    else if (weakness !== undefined) warn(name, `${weakness}; anybody could guess this key`, path);
  }
}

function digest(key: string): string {
  return createHash('sha256').update(key).digest('hex');
}

function judgeUsers({ values, refuse }: Judgement): void {
  const names = new Set<string>();
  const uids = new Set<number>();
  for (const [index, { name, uid }] of (values['auth.users'] ?? []).entries()) {
    if (names.has(name)) refuse('auth.users', 'another user has this name', [index, 'name']);
    if (uid !== undefined && uids.has(uid)) refuse('auth.users', 'another user has this number', [index, 'uid']);
    if (name === 'root') refuse('auth.users', 'root is the superuser; its keys belong into auth.api_keys', [index, 'name']);
    names.add(name);
    if (uid !== undefined) uids.add(uid);
  }
  if (Object.hasOwn(values['auth.api_key_users'] ?? {}, 'root'))
    refuse('auth.api_key_users', 'root is the superuser; its keys belong into auth.api_keys', ['root']);
}
