import type { TestUser } from '../support/server';

const user = (name: string, id: number, groups: number[], umask: string): TestUser => ({
  name,
  uid: id,
  gid: id,
  groups,
  umask,
  key: `${name}-key-0123456789abcdef`,
});

/** Groups that overlap and umasks that differ; `dave` is in none but his own. The superuser's umask is 0022. */
export const DIFFERENTIAL_USERS: readonly TestUser[] = [
  user('alice', 2001, [3000], '0022'),
  user('bob', 2002, [3000, 3001], '0002'),
  user('carol', 2003, [3001], '0077'),
  user('dave', 2004, [], '0027'),
];

export const CALLERS: readonly string[] = ['root', ...DIFFERENTIAL_USERS.map(({ name }) => name)];
/** Everybody's, and one that is nobody's. */
export const UIDS: readonly number[] = [0, 4242, ...DIFFERENTIAL_USERS.map(({ uid }) => uid)];
export const GIDS: readonly number[] = [...UIDS, 3000, 3001];
