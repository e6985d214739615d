import type { Authenticator, AuthOptions, KeyEntry } from '@callfs/auth';
import type { MetadataStore } from '@callfs/metadata';
import type { CallfsConfig, UserConfig } from '../config/config';
import { AccessRows } from '../use-cases/access/access-rows';
import { KeyRing, type ConfiguredAccess } from '../use-cases/access/key-ring';
import type { Person } from '../use-cases/access/person';
import { principalsOf } from '../use-cases/access/users.service';
import { PrincipalNames } from '../use-cases/principal-names';
import { ensureHomes } from '../use-cases/user-homes';

const SUPERUSER: Person = { user: 'root', uid: 0, gid: 0, groups: [], umask: 0o022 };

/** Makes sure that the configured users and groups exist; all names, loaded. */
export async function openPrincipalNames({ auth }: CallfsConfig, store: MetadataStore): Promise<PrincipalNames> {
  const names = new PrincipalNames(store);
  names.learn(await store.ensurePrincipals(auth.users.flatMap(principalsOf)));
  return names;
}

/** Which configured key stands for whom; gives the users their homes. */
export async function identityOptions(config: CallfsConfig, store: MetadataStore, names: PrincipalNames): Promise<AuthOptions> {
  const { keys, people } = await configuredAccess(config, names);
  const owners = people.filter(({ uid }) => uid !== SUPERUSER.uid).map((person) => ({ ...person, name: person.user }));
  if (config.auth.createHome) await ensureHomes(store, owners);
  return { keys, names };
}

/** What adds the keys and users of the metadata to those of the configuration. */
export async function openKeyRing(
  config: CallfsConfig,
  store: MetadataStore,
  names: PrincipalNames,
  authenticator: Authenticator,
): Promise<KeyRing> {
  // An SQLite file belongs to one process.
  const isShared = config.metadataStore.type !== 'sqlite';
  return new KeyRing(await configuredAccess(config, names), new AccessRows(store), names, authenticator, isShared);
}

async function configuredAccess({ auth }: CallfsConfig, names: PrincipalNames): Promise<ConfiguredAccess> {
  const keys: KeyEntry[] = auth.apiKeys.map((key) => ({ key, identity: SUPERUSER }));
  const people = [SUPERUSER];
  for (const user of auth.users) {
    const identity = await personOf(user, names);
    people.push(identity);
    keys.push(...user.keys.map((key) => ({ key, identity })));
  }
  return { people, keys };
}

async function personOf({ name, gid, groups, umask }: UserConfig, names: PrincipalNames): Promise<Person> {
  return {
    user: name,
    uid: await names.idOf('user', name),
    gid: gid ?? (await names.idOf('group', name)),
    groups: await Promise.all(groups.map((group) => names.idOf('group', group))),
    umask,
  };
}
