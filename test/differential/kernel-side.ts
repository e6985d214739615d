import { fork, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, chmodSync, constants, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DIRECTORY_PREFIX } from '../support/server';
import type { Operation, Outcome, Run, Side, Snapshot } from './operation';
import { DIFFERENTIAL_USERS } from './users';

const SCRIPT = join(__dirname, 'kernel-user.mjs');
const MEMORY = '/dev/shm';
/** An ordinary user becomes root of a namespace of its own, if the machine gives it numbers for other users (subuid(5)). */
const NAMESPACE = ['--user', '--map-root-user', '--map-auto', '--'];

interface Request {
  readonly kind: string;
  readonly [field: string]: unknown;
}

/** A process that has become one user and does one operation at a time. */
class KernelUser {
  private readonly ended: Promise<never>;

  private constructor(private readonly child: ChildProcess) {
    this.ended = once(child, 'exit').then(([code]) => {
      throw new Error(`The process of a user of the differential test ended with ${String(code)}.`);
    });
    this.ended.catch(() => undefined);
  }

  static async start(user: { uid: number; gid: number; groups: readonly number[]; umask?: string }): Promise<KernelUser> {
    const isRoot = process.getuid?.() === 0;
    const command = isRoot ? {} : { execPath: 'unshare', execArgv: [...NAMESPACE, process.execPath] };
    const child = fork(SCRIPT, [JSON.stringify(user)], { ...command, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    await once(child, 'spawn');
    return new KernelUser(child);
  }

  async ask(request: Request): Promise<Outcome> {
    const answer = new Promise<Outcome>((resolve) => {
      this.child.once('message', (message) => resolve(message as Outcome));
    });
    this.child.send(request);
    const outcome = await Promise.race([answer, this.ended]);
    if (outcome.status === 500) throw new Error(`The kernel's side failed at ${JSON.stringify(request)}: ${outcome.note}`);
    return outcome;
  }

  async stop(): Promise<void> {
    if (this.child.exitCode !== null) return;
    const ended = once(this.child, 'exit');
    this.child.disconnect();
    await ended;
  }
}

/** A real directory, and a process for each user that works in it. */
export class KernelSide implements Side {
  private constructor(
    /** Where the runs take place; a path that the server's tree has too. */
    readonly home: string,
    private readonly users: ReadonlyMap<string, KernelUser>,
  ) {}

  /** Throws with what to do when we may not become other users. */
  static async start(): Promise<KernelSide> {
    requireOtherUsers();
    const home = mkdtempSync(join(baseDirectory(), DIRECTORY_PREFIX));
    chmodSync(home, 0o755);
    const users = new Map<string, KernelUser>();
    users.set('root', await KernelUser.start({ uid: 0, gid: 0, groups: [], umask: '0022' }));
    for (const user of DIFFERENTIAL_USERS) users.set(user.name, await KernelUser.start(user));
    return new KernelSide(home, users);
  }

  /**
   * Whether setuid and setgid stay on a file that root writes to. Not in a user namespace, rootless containers included:
   * the kernel asks for the capability outside (`file_remove_privs`), where this root is anybody.
   */
  async keepsPrivileges(): Promise<boolean> {
    const { value } = await this.user('root').ask({ kind: 'probe', path: `${this.home}/probe` });
    return value === 'kept';
  }

  async begin({ outermost, root }: Run): Promise<void> {
    const below = root.slice(outermost.length + 1).split('/');
    const directories = [outermost, ...below.map((_, depth) => `${outermost}/${below.slice(0, depth + 1).join('/')}`)];
    await this.user('root').ask({ kind: 'begin', directories });
  }

  async perform(operation: Operation, { root }: Run): Promise<Outcome> {
    const absolute = { ...operation, path: root + operation.path, ...('to' in operation ? { to: root + operation.to } : {}) };
    if (absolute.kind === 'remove' && absolute.recursive) return this.removeTree(operation.by, absolute.path);
    const outcome = await this.user(operation.by).ask(absolute);
    if (operation.kind === 'copyTree') await this.completeCopy(outcome);
    return outcome;
  }

  async snapshot({ outermost }: Run): Promise<Snapshot> {
    const { value } = await this.user('root').ask({ kind: 'snapshot', path: outermost });
    return JSON.parse(value ?? '') as Snapshot;
  }

  async stop(): Promise<void> {
    // By the root that made it, which may be one of a namespace only.
    await this.user('root').ask({ kind: 'discard', paths: [this.home] });
    for (const user of this.users.values()) await user.stop();
  }

  /** `rm -r` that removes all or nothing: tried on a likeness first, then done by root if nothing was refused. */
  private async removeTree(by: string, path: string): Promise<Outcome> {
    const user = this.user(by);
    const root = this.user('root');
    const seen = await user.ask({ kind: 'stat', path, follow: false });
    if (seen.status !== 200) return seen;
    if (!seen.value?.startsWith('directory')) return user.ask({ kind: 'remove', path });
    const likeness = `${this.home}/likeness`;
    await root.ask({ kind: 'imitate', path, to: likeness });
    const tried = await user.ask({ kind: 'removeTree', path: `${likeness}/tree` });
    await root.ask({ kind: 'discard', paths: [likeness, ...(tried.status === 204 ? [path] : [])] });
    return tried;
  }

  /** What a user's copy of a tree leaves for root: the directories' modes, or what is to go when it was refused halfway. */
  private async completeCopy({ modes = [], made = [] }: Outcome & { modes?: unknown[]; made?: string[] }): Promise<void> {
    if (made.length > 0) await this.user('root').ask({ kind: 'discard', paths: made.reverse() });
    else if (modes.length > 0) await this.user('root').ask({ kind: 'setModes', modes });
  }

  private user(name: string): KernelUser {
    const user = this.users.get(name);
    if (!user) throw new Error(`No user ${name}.`);
    return user;
  }
}

function requireOtherUsers(): void {
  if (process.getuid?.() === 0) return;
  if (spawnSync('unshare', [...NAMESPACE, 'true'], { stdio: 'ignore' }).status === 0) return;
  throw new Error(
    'The differential test does operations as several users, which takes root: sudo npm test. (Without root it does less, with ' +
      '"unshare --map-auto" of util-linux 2.38, newuidmap of the package uidmap, and a range in /etc/subuid and /etc/subgid.)',
  );
}

/** Memory, where there is some: it is quick, and its directories count their links as the API does (not all file systems do). */
function baseDirectory(): string {
  try {
    accessSync(MEMORY, constants.W_OK);
    return MEMORY;
  } catch {
    return tmpdir();
  }
}
