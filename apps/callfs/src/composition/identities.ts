import type { AuthOptions, KeyEntry } from '@callfs/auth';
import type { MetadataStore, PrincipalRequest } from '@callfs/metadata';
import type { CallfsConfig, UserConfig } from '../config/config';
import { PrincipalNames } from '../use-cases/principal-names';
import { ensureHomes } from '../use-cases/user-homes';

const SUPERUSER = { user: 'root', uid: 0, gid: 0, groups: [], umask: 0o022 };

/** Makes sure that the configured users and groups exist; all names, loaded. */
export async function openPrincipalNames({ auth }: CallfsConfig, store: MetadataStore): Promise<PrincipalNames> {
  const names = new PrincipalNames(store);
  names.learn(await store.ensurePrincipals(auth.users.flatMap(principalsOf)));
  return names;
}

/** Which key stands for whom; gives the users their homes. */
export async function identityOptions({ auth }: CallfsConfig, store: MetadataStore, names: PrincipalNames): Promise<AuthOptions> {
  const identities = await Promise.all(auth.users.map(async (user) => ({ user, identity: await identityOf(user, names) })));
  if (auth.createHome)
    await ensureHomes(
      store,
      identities.map(({ identity }) => ({ ...identity, name: identity.user })),
    );
  const keys: KeyEntry[] = auth.apiKeys.map((key) => ({ key, identity: SUPERUSER }));
  for (const { user, identity } of identities) keys.push(...user.keys.map((key) => ({ key, identity })));
  return { keys, names };
}

/** A user, the group of its own, and the groups it is in by name. */
function principalsOf({ name, uid, gid, groups }: UserConfig): PrincipalRequest[] {
  const named = groups.filter((group) => typeof group === 'string');
  const own: PrincipalRequest = { kind: 'group', name, id: gid ?? uid };
  return [
    { kind: 'user', name, id: uid },
    ...(isOwnGroup(gid, uid) ? [own] : []),
    ...named.map((group) => ({ kind: 'group' as const, name: group })),
  ];
}

/** With a gid of somebody else's group, a user has none of its own. */
function isOwnGroup(gid: number | undefined, uid: number | undefined): boolean {
  return gid === undefined || gid === uid;
}

async function identityOf({ name, gid, groups, umask }: UserConfig, names: PrincipalNames): Promise<KeyEntry['identity']> {
  return {
    user: name,
    uid: await names.idOf('user', name),
    gid: gid ?? (await names.idOf('group', name)),
    groups: await Promise.all(groups.map((group) => names.idOf('group', group))),
    umask,
  };
}
