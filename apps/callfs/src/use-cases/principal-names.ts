import { Injectable } from '@nestjs/common';
import { CallfsError } from '@callfs/core';
import { MetadataStore, type Principal } from '@callfs/metadata';

/** The largest uid or gid; 2³²−1 means "unchanged" to chown(2). */
const MAX_ID = 4_294_967_294;

/** Which name goes with which number, for users and groups: what `/etc/passwd` and `/etc/group` are to `ls -l`. */
@Injectable()
export class PrincipalNames {
  private readonly names = { user: new Map<number, string>(), group: new Map<number, string>() };
  private readonly ids = { user: new Map<string, number>(), group: new Map<string, number>() };

  /** Another when a number has got another name than it was told to have. */
  version = 0;

  constructor(private readonly store: MetadataStore) {}

  /** Reads them all; they are few. */
  async load(): Promise<void> {
    this.learn(await this.store.principals());
  }

  learn(principals: readonly Principal[]): void {
    for (const { kind, id, name } of principals) {
      if (this.names[kind].get(id) !== name) this.version++;
      this.names[kind].set(id, name);
      this.ids[kind].set(name, id);
    }
  }

  userName(uid: number): string {
    return this.names.user.get(uid) ?? String(uid);
  }

  groupName(gid: number): string {
    return this.names.group.get(gid) ?? String(gid);
  }

  /** The number for a name or a number in any spelling, as chown(1) takes it. `INVALID_REQUEST` for a name nobody has. */
  async idOf(kind: 'user' | 'group', reference: string | number): Promise<number> {
    const known = typeof reference === 'string' ? this.ids[kind].get(reference) : undefined;
    if (known !== undefined) return known;
    const number = typeof reference === 'number' || /^\d{1,10}$/.test(reference) ? Number(reference) : undefined;
    if (number !== undefined) {
      if (Number.isInteger(number) && number >= 0 && number <= MAX_ID) return number;
      throw new CallfsError('INVALID_REQUEST', `A ${kind} is a name or a number from 0 to ${MAX_ID}.`);
    }
    await this.load();
    const id = this.ids[kind].get(reference as string);
    if (id === undefined)
      throw new CallfsError(
        'INVALID_REQUEST',
        `There is no ${kind} named "${reference}". "callfs users list" tells who there is.`,
        { details: { [kind]: reference } },
      );
    return id;
  }
}
