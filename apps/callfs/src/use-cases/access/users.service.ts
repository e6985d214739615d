import { Injectable, Logger } from '@nestjs/common';
import { requireAdministrator } from '@callfs/auth';
import { CallfsError } from '@callfs/core';
import { MetadataStore, type PrincipalRequest } from '@callfs/metadata';
import type { Caller } from '../caller';
import { PrincipalNames } from '../principal-names';
import { ensureHomes } from '../user-homes';
import { AccessRows } from './access-rows';
import { KeyRing } from './key-ring';
import { noSuchUser, type Person } from './person';

/** What a user is to be. */
export interface UserRequest {
  readonly name: string;
  /** Chosen when absent, from 1000, once for each name. */
  readonly uid?: number;
  /** That of the user's own group when absent. */
  readonly gid?: number;
  readonly groups: readonly (string | number)[];
  readonly umask: number;
}

/** A user, and where it comes from. */
export interface KnownUser extends Person {
  /** The names of gid and groups; of a number without one, its digits. */
  readonly group: string;
  readonly groupNames: readonly string[];
  readonly source: 'configuration' | 'metadata';
}

/** Users beside those of the configuration, made and removed while the service runs. For administrators. */
@Injectable()
export class UsersService {
  private readonly logger = new Logger(UsersService.name);

  constructor(
    private readonly store: MetadataStore,
    private readonly rows: AccessRows,
    private readonly ring: KeyRing,
    private readonly names: PrincipalNames,
    private readonly createHome: boolean,
  ) {}

  /** Those of the configuration first. */
  async list({ identity }: Caller): Promise<KnownUser[]> {
    requireAdministrator(identity);
    await this.ring.refresh();
    return this.ring.all().map((user) => this.named(user));
  }

  /** With a home if the configuration wants one. `USER_ALREADY_EXISTS`; `INVALID_REQUEST` for a number that is another's. */
  async add(caller: Caller, request: UserRequest): Promise<KnownUser> {
    const { identity } = caller;
    requireAdministrator(identity);
    const { name, umask } = request;
    caller.note?.({ operation: 'user.add', paths: [], detail: name });
    this.refuseConfigured(name, 'USER_ALREADY_EXISTS', 'is there already');
    this.names.learn(await this.store.ensurePrincipals(principalsOf(request)));
    const person = {
      user: name,
      uid: await this.names.idOf('user', name),
      gid: request.gid ?? (await this.names.idOf('group', name)),
      groups: await Promise.all(request.groups.map((group) => this.names.idOf('group', group))),
      umask,
    };
    await this.rows.insertAccount({ ...person, name, createdMs: await this.rows.nowMs(), createdBy: identity.user });
    if (this.createHome) await ensureHomes(this.store, [{ ...person, name }]);
    await this.ring.refresh();
    this.logger.log({ user: identity.user, request_id: caller.requestId, added: name, uid: person.uid }, 'a user was added');
    return this.named({ ...person, source: 'metadata' });
  }

  /** Its keys end with it; its files stay, and so does its number for its name. `USER_NOT_FOUND`, `INVALID_REQUEST`. */
  async remove(caller: Caller, name: string): Promise<void> {
    const { identity } = caller;
    caller.note?.({ operation: 'user.remove', paths: [], detail: name });
    requireAdministrator(identity);
    this.refuseConfigured(name, 'INVALID_REQUEST', 'cannot be removed here');
    if (!(await this.rows.removeAccount(name))) throw noSuchUser(name);
    await this.ring.refresh();
    this.logger.log({ user: identity.user, request_id: caller.requestId, removed: name }, 'a user was removed');
  }

  private named(user: Person & Pick<KnownUser, 'source'>): KnownUser {
    const nameOf = (gid: number) => this.names.groupName(gid);
    return { ...user, group: nameOf(user.gid), groupNames: user.groups.map(nameOf) };
  }

  private refuseConfigured(name: string, code: 'USER_ALREADY_EXISTS' | 'INVALID_REQUEST', what: string): void {
    if (!this.ring.isConfigured(name)) return;
    const whose = name === 'root' ? 'the superuser' : 'a user of the configuration (auth.users, auth.api_key_users)';
    throw new CallfsError(code, `${name} is ${whose} and ${what}.`, { details: { user: name } });
  }
}

/** The user, the group of its own, and the groups that it is in by name. */
export function principalsOf({ name, uid, gid, groups }: Omit<UserRequest, 'umask'>): PrincipalRequest[] {
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
