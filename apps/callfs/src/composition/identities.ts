import type { AuthOptions, KeyEntry } from '@callfs/auth';
import type { MetadataStore, Principal, PrincipalRequest } from '@callfs/metadata';
import type { CallfsConfig, UserConfig } from '../config/config';
import { PrincipalNames } from '../use-cases/principal-names';
import { ensureHomes } from '../use-cases/user-homes';

const SUPERUSER = { user: 'root', uid: 0, gid: 0, groups: [], umask: 0o022 };

/** Makes sure that the configured users exist with their homes, and says which key stands for whom. */
export async function identityOptions({ auth }: CallfsConfig, store: MetadataStore): Promise<AuthOptions> {
  const numbers = new Numbers(await store.ensurePrincipals(auth.users.flatMap(principalsOf)));
  const identities = auth.users.map((user) => ({ user, identity: identityOf(user, numbers) }));
  if (auth.createHome)
    await ensureHomes(
      store,
      identities.map(({ identity }) => ({ ...identity, name: identity.user })),
    );
  const keys: KeyEntry[] = auth.apiKeys.map((key) => ({ key, identity: SUPERUSER }));
  for (const { user, identity } of identities) keys.push(...user.keys.map((key) => ({ key, identity })));
  const names = new PrincipalNames(store);
  await names.load();
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

function identityOf({ name, gid, groups, umask }: UserConfig, numbers: Numbers) {
  return {
    user: name,
    uid: numbers.of('user', name),
    gid: gid ?? numbers.of('group', name),
    groups: groups.map((group) => (typeof group === 'number' ? group : numbers.of('group', group))),
    umask,
  };
}

class Numbers {
  constructor(private readonly principals: readonly Principal[]) {}

  of(kind: Principal['kind'], name: string): number {
    const found = this.principals.find((principal) => principal.kind === kind && principal.name === name);
    if (!found) throw new TypeError(`the ${kind} ${name} was to be made`);
    return found.id;
  }
}
