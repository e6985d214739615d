import type { Random } from '../support/random';
import type { Operation, Run } from './operation';
import { CALLERS, GIDS, UIDS } from './users';

/** So few names, and so few levels, that operations meet. */
const NAMES = ['a', 'b', 'c', 'd'] as const;
const MAX_DEPTH = 4;
/** On both sides of what is kept inline (`storage.inline_max_bytes: 64` in this test). */
const SIZES = [0, 1, 5, 64, 65, 200] as const;
/** Mostly open ones, so that much is done and not only refused; every class lacks every bit now and then. */
const USUAL_MODES = [
  0o777, 0o777, 0o777, 0o777, 0o775, 0o775, 0o770, 0o770, 0o755, 0o755, 0o750, 0o711, 0o700, 0o733, 0o666, 0o664, 0o644, 0o640,
  0o555, 0o500, 0o300, 0o070, 0o007, 0o600, 0o444, 0o000,
] as const;
/** Of the directories with which a run begins. */
const FIRST_MODES = [0o777, 0o777, 0o775, 0o755, 0o2777, 0o2775, 0o3775, 0o1775] as const;

type Kind = Operation['kind'];
const WEIGHTS: readonly (readonly [Kind, number])[] = [
  ['post', 10],
  ['put', 14],
  ['get', 8],
  ['stat', 5],
  ['list', 5],
  ['mkdir', 12],
  ['remove', 8],
  ['rename', 16],
  ['copy', 8],
  ['copyTree', 3],
  ['symlink', 6],
  ['chmod', 14],
  ['chown', 8],
  ['utimes', 4],
];
const WANTS_FILE = new Set<Kind>(['copy', 'get', 'put']);
const MAKES_NEW = new Set<Kind>(['post', 'mkdir', 'symlink']);
const TOTAL_WEIGHT = WEIGHTS.reduce((sum, [, weight]) => sum + weight, 0);

/** Something to begin with: directories of several owners and groups, each with something in it. */
function firstSteps(random: Random): Operation[] {
  return NAMES.flatMap((name): Operation[] => [
    { kind: 'mkdir', by: random.pick(CALLERS), path: `/${name}`, mode: random.pick(FIRST_MODES) },
    { kind: 'chown', by: 'root', path: `/${name}`, gid: random.pick(GIDS), follow: true },
    { kind: 'put', by: random.pick(CALLERS), path: `/${name}/${random.pick(NAMES)}`, body: 'x' },
    { kind: 'mkdir', by: random.pick(CALLERS), path: `/${name}/${random.pick(NAMES)}` },
  ]);
}

/** What is (or was a moment ago) at a path below the root of the run. */
export interface Seen {
  readonly path: string;
  readonly isFile: boolean;
  readonly owner: string | undefined;
}

/** Invents operations, most of them about what was seen, half of those in the name of its owner. */
export class Generator {
  private first: Operation[] = [];

  /** Without `setidFiles`, nothing but new directories gets setuid or setgid. */
  constructor(
    private readonly random: Random,
    private readonly setidFiles: boolean,
  ) {}

  /** A new run: the tree is empty. */
  restart(): void {
    this.first = firstSteps(this.random);
  }

  next(seen: readonly Seen[], run: Run): Operation {
    const first = this.first.shift();
    if (first) return first;
    const kind = this.kind();
    const files = seen.filter(({ isFile }) => isFile);
    const about = WANTS_FILE.has(kind) && files.length > 0 && this.chance(0.7) ? files : seen;
    const path = MAKES_NEW.has(kind) ? this.newPath(seen) : this.path(about);
    const owner = seen.find((one) => path === one.path)?.owner;
    const by = owner !== undefined && this.chance(0.5) ? owner : this.random.pick(CALLERS);
    switch (kind) {
      case 'post':
      case 'put':
        return { kind, by, path, body: this.body(), ...(this.chance(0.2) ? { mode: this.fileMode() } : {}) };
      case 'get':
        return { kind, by, path: this.maybeSlash(path) };
      case 'stat':
        return { kind, by, path: this.maybeSlash(path), follow: this.chance(0.7) };
      case 'list':
        return { kind, by, path: this.chance(0.1) ? '/' : path, recursive: this.chance(0.3) };
      case 'mkdir':
        // Of setuid on a directory, nobody agrees what mkdir(1) should make.
        return { kind, by, path, ...(this.chance(0.3) ? { mode: this.mode() & 0o3777 } : {}) };
      case 'remove':
        return this.chance(0.3)
          ? { kind, by, path, recursive: true }
          : { kind, by, path: this.maybeSlash(path), recursive: false };
      case 'rename':
        return { kind, by, path, to: this.newPath(seen), overwrite: this.chance(0.6), createParents: this.chance(0.3) };
      case 'copy': {
        const over = files.length > 0 && this.chance(0.4);
        return {
          kind,
          by,
          path,
          to: over ? this.random.pick(files).path : this.newPath(seen),
          overwrite: over || this.chance(0.3),
        };
      }
      case 'copyTree':
        return { kind, by, path, to: this.newPath(seen) };
      case 'symlink':
        return { kind, by, path, target: this.target(seen, run) };
      case 'chmod':
        return { kind, by, path: this.chance(0.05) ? '/' : path, mode: this.fileMode() };
      case 'chown':
        return { kind, by, path, ...this.owners(), follow: this.chance(0.7) };
      case 'utimes':
        return { kind, by, path, seconds: this.chance(0.5) ? 'now' : 1_000_000_000 + this.random.below(1000) };
    }
  }

  private kind(): Kind {
    let at = this.random.below(TOTAL_WEIGHT);
    for (const [kind, weight] of WEIGHTS) {
      if (at < weight) return kind;
      at -= weight;
    }
    throw new Error('The weights do not add up.');
  }

  private path(seen: readonly Seen[]): string {
    const chance = this.random.next();
    if (seen.length > 0 && chance < 0.8) {
      const { path } = this.random.pick(seen);
      return chance < 0.5 || depthOf(path) >= MAX_DEPTH ? path : `${path}/${this.random.pick(NAMES)}`;
    }
    const depth = 1 + this.random.below(MAX_DEPTH);
    return Array.from({ length: depth }, () => `/${this.random.pick(NAMES)}`).join('');
  }

  /** A name that is seldom taken, mostly in a directory that is there. */
  private newPath(seen: readonly Seen[]): string {
    const directories = seen.filter(({ isFile }) => !isFile);
    if (directories.length === 0 || this.chance(0.4)) return this.path(seen);
    const { path } = this.random.pick(directories);
    const free = NAMES.filter((name) => seen.every((one) => one.path !== `${path}/${name}`));
    return depthOf(path) >= MAX_DEPTH || free.length === 0 ? path : `${path}/${this.random.pick(free)}`;
  }

  private maybeSlash(path: string): string {
    return this.chance(0.1) ? `${path}/` : path;
  }

  private body(): string {
    return this.random.pick(['x', 'y', 'z']).repeat(this.random.pick(SIZES));
  }

  /**
   * Never sticky and writable for everybody at once: there `fs.protected_symlinks` of some machines keeps the kernel
   * from following links, which path_resolution(7) does not know.
   */
  private mode(): number {
    const bits = this.chance(0.9) ? this.random.pick(USUAL_MODES) : this.random.below(0o1000);
    const setuid = this.chance(0.12) ? 0o4000 : 0;
    const setgid = this.chance(0.2) ? 0o2000 : 0;
    return this.chance(0.15) ? setuid | setgid | 0o1000 | (bits & 0o775) : setuid | setgid | bits;
  }

  private fileMode(): number {
    return this.setidFiles ? this.mode() : this.mode() & 0o1777;
  }

  private target(seen: readonly Seen[], { root }: Run): string {
    const name = this.random.pick(NAMES);
    switch (this.random.below(6)) {
      case 0:
        return `${root}${this.path(seen)}`;
      case 1:
        return `../${name}`;
      case 2:
        return '..';
      case 3:
        return `${name}/${this.random.pick(NAMES)}`;
      case 4:
        return `${name}/.././${this.random.pick(NAMES)}/`;
      default:
        return name;
    }
  }

  private owners(): { uid?: number; gid?: number } {
    const which = this.random.below(4);
    return {
      ...(which === 0 || which === 3 ? { uid: this.random.pick(UIDS) } : {}),
      ...(which !== 0 ? { gid: this.random.pick(GIDS) } : {}),
    };
  }

  private chance(probability: number): boolean {
    return this.random.next() < probability;
  }
}

function depthOf(path: string): number {
  return path.split('/').length - 1;
}
