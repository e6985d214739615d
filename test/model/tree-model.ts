/**
 * The file API in memory, as plainly as it can be said: a tree of nodes, the rules of Linux, and for each operation
 * the outcome that the server has to give. It knows nothing of locks, versions, blobs or SQL.
 */

export interface Caller {
  readonly uid: number;
  readonly name: string;
}

export interface FileNode {
  readonly type: 'file';
  bytes: string;
  mode: number;
  uid: number;
}

export interface DirectoryNode {
  readonly type: 'directory';
  readonly children: Map<string, Node>;
  mode: number;
  uid: number;
}

export interface LinkNode {
  readonly type: 'symlink';
  readonly target: string;
  readonly mode: number;
  uid: number;
}

export type Node = FileNode | DirectoryNode | LinkNode;

/** Thrown with what the server answers: status and code. */
export class Refusal extends Error {}

/** Thrown where a link leads above the model's root, which is a directory like others on the server. */
export class OutOfModel extends Error {}

const READ = 4;
const WRITE = 2;
const SEARCH = 1;
const UMASK = 0o022;
const MAX_LINKS = 40;

/** Where a path led: the directories passed, the node at its end or the names that are missing. */
interface Located {
  /** Canonical, links on the way resolved. */
  readonly path: readonly string[];
  readonly passed: readonly DirectoryNode[];
  readonly node: Node | undefined;
  readonly missing: readonly string[];
  /** How many of `missing`, at the end, the caller named; those before come from the target of a link. */
  readonly own: number;
}

export class TreeModel {
  readonly root: DirectoryNode = { type: 'directory', children: new Map(), mode: 0o777, uid: 0 };

  get(caller: Caller, path: string): string {
    const node = this.existing(caller, path, true).node;
    if (node.type !== 'file') throw new Error('GET is only asked of files here.');
    this.require(caller, node, READ);
    return node.bytes;
  }

  /** What is at the path, links followed; undefined when it is a directory, which GET lists. */
  stat(caller: Caller, path: string): Node {
    return this.existing(caller, path, true).node;
  }

  list(caller: Caller, path: string): string[] {
    const { node } = this.existing(caller, path, true);
    if (node.type !== 'directory') throw new Refusal('400 NOT_A_DIRECTORY');
    this.require(caller, node, READ | SEARCH);
    return sortedNames(node);
  }

  put(caller: Caller, path: string, bytes: string): string {
    const located = this.forWriting(caller, path, true);
    const { node } = located;
    if (!node) {
      this.make(caller, located, { type: 'file', bytes, mode: 0o666 & ~UMASK, uid: caller.uid });
      return '201';
    }
    if (node.type !== 'file') throw new Refusal('400 IS_A_DIRECTORY');
    this.require(caller, node, WRITE);
    node.bytes = bytes;
    return '200';
  }

  post(caller: Caller, path: string, bytes: string): string {
    const located = this.forWriting(caller, path, false);
    if (located.node) throw new Refusal('409 FILE_ALREADY_EXISTS');
    this.make(caller, located, { type: 'file', bytes, mode: 0o666 & ~UMASK, uid: caller.uid });
    return '201';
  }

  mkdir(caller: Caller, path: string): string {
    const located = this.forWriting(caller, path, false);
    const { node } = located;
    if (!node) {
      this.make(caller, located, newDirectory(caller));
      return '201';
    }
    const there = node.type === 'symlink' ? this.forWriting(caller, path, true).node : node;
    if (there?.type !== 'directory') throw new Refusal('409 FILE_ALREADY_EXISTS');
    return '200';
  }

  symlink(caller: Caller, path: string, target: string): string {
    const located = this.forWriting(caller, path, false);
    if (located.node) throw new Refusal('409 FILE_ALREADY_EXISTS');
    this.make(caller, located, { type: 'symlink', target, mode: 0o777, uid: caller.uid });
    return '201';
  }

  remove(caller: Caller, path: string, recursive: boolean): string {
    const { parent, name, node } = this.existing(caller, path, false);
    this.require(caller, parent, WRITE | SEARCH);
    if (node.type === 'directory' && node.children.size > 0) {
      if (!recursive) throw new Refusal('409 DIRECTORY_NOT_EMPTY');
      this.requireRemovable(caller, node);
    }
    parent.children.delete(name);
    return '204';
  }

  move(caller: Caller, from: string, to: string, options: { overwrite: boolean; createParents: boolean }): string {
    // As rename(2) goes: both parents first, then what is there.
    const origin = this.forReading(caller, from, false);
    if (origin.missing.length > 1) throw new Refusal('404 FILE_NOT_FOUND');
    const located = this.forWriting(caller, to, false);
    const source = found(origin, this.root);
    const { node } = source;
    const replaced = located.node;
    if (replaced === node) return '200';
    if (replaced && !options.overwrite) throw new Refusal('409 FILE_ALREADY_EXISTS');
    if (located.missing.length > 1 && !options.createParents) throw new Refusal('400 INVALID_REQUEST');
    requireReachable(located);
    if (node.type === 'directory' && located.passed.includes(node)) throw new Refusal('400 INVALID_REQUEST');
    if (origin.passed.some((above) => above === replaced)) throw new Refusal('409 DIRECTORY_NOT_EMPTY');

    const directory = located.passed[located.passed.length - 1] as DirectoryNode;
    // A new name is planned before the old one is judged; both would be refused alike but for a link that leads nowhere.
    if (!replaced) this.requireCreatable(caller, located);
    this.require(caller, source.parent, WRITE | SEARCH);
    this.requireCreatable(caller, located);
    if (replaced) {
      if (node.type === 'directory' && replaced.type !== 'directory') throw new Refusal('409 NOT_A_DIRECTORY');
      if (node.type !== 'directory' && replaced.type === 'directory') throw new Refusal('400 IS_A_DIRECTORY');
    }
    const elsewhere = located.missing.length > 1 || directory !== source.parent;
    if (node.type === 'directory' && elsewhere) this.require(caller, node, WRITE);
    if (replaced?.type === 'directory' && replaced.children.size > 0) throw new Refusal('409 DIRECTORY_NOT_EMPTY');
    source.parent.children.delete(source.name);
    this.make(caller, located, node);
    return '200';
  }

  copy(caller: Caller, from: string, to: string, options: { overwrite: boolean; recursive: boolean }): string {
    const source = this.existing(caller, from, true);
    const { node } = source;
    if (node.type === 'directory' && !options.recursive) throw new Refusal('400 IS_A_DIRECTORY');
    this.require(caller, node, node.type === 'directory' ? READ | SEARCH : READ);
    const located = this.forWriting(caller, to, options.overwrite);
    const replaced = located.node;
    if (!replaced) {
      // As cp(1): a name that cannot be at all is noticed before it is seen to lie within the source.
      requireReachable(located);
      if (node.type === 'directory' && isWithin(located.path, source.path)) throw new Refusal('400 INVALID_REQUEST');
      this.requireCreatable(caller, located);
      this.make(caller, located, this.copyOf(caller, node));
      return '201';
    }
    if (!options.overwrite || node.type === 'directory' || replaced === node) throw new Refusal('409 FILE_ALREADY_EXISTS');
    if (replaced.type !== 'file') throw new Refusal('400 IS_A_DIRECTORY');
    this.require(caller, replaced, WRITE);
    replaced.bytes = (node as FileNode).bytes;
    return '200';
  }

  chmod(caller: Caller, path: string, mode: number): string {
    const { node } = this.existing(caller, path, true);
    if (caller.uid !== 0 && caller.uid !== node.uid) throw new Refusal('403 PERMISSION_DENIED');
    (node as FileNode | DirectoryNode).mode = mode;
    return '200';
  }

  chown(caller: Caller, path: string, uid: number): string {
    const { node } = this.existing(caller, path, true);
    if (caller.uid !== 0 && (caller.uid !== node.uid || uid !== node.uid)) throw new Refusal('403 PERMISSION_DENIED');
    node.uid = uid;
    return '200';
  }

  /** Every path with its node, in the order of a recursive listing: names by their bytes, a directory before what is in it. */
  *walk(directory = this.root, prefix = ''): Generator<readonly [path: string, node: Node]> {
    for (const name of sortedNames(directory)) {
      const node = directory.children.get(name) as Node;
      yield [`${prefix}/${name}`, node];
      if (node.type === 'directory') yield* this.walk(node, `${prefix}/${name}`);
    }
  }

  private existing(caller: Caller, path: string, follow: boolean) {
    return found(this.forReading(caller, path, follow), this.root);
  }

  private forReading(caller: Caller, path: string, follow: boolean): Located {
    const located = this.resolve(caller, path, follow);
    if (located === 'file in the way') throw new Refusal('404 FILE_NOT_FOUND');
    return located;
  }

  private forWriting(caller: Caller, path: string, follow: boolean): Located {
    const located = this.resolve(caller, path, follow);
    if (located === 'file in the way') throw new Refusal('409 NOT_A_DIRECTORY');
    return located;
  }

  private resolve(caller: Caller, path: string, follow: boolean): Located | 'file in the way' {
    let pending = namesOf(path);
    let links = 0;
    let own = pending.length;
    let passed: DirectoryNode[] = [];
    let walked: string[] = [];
    let at: Node = this.root;
    while (pending.length > 0) {
      const [name, ...rest] = pending as [string, ...string[]];
      if (at.type !== 'directory') return 'file in the way';
      if (!may(caller, at, SEARCH)) throw new Refusal('403 PERMISSION_DENIED');
      if (name === '..') {
        const above = passed.pop();
        if (!above) throw new OutOfModel();
        at = above;
        walked = walked.slice(0, -1);
        pending = rest;
        continue;
      }
      const next: Node | undefined = at.children.get(name);
      if (!next) {
        own = Math.min(own, pending.length);
        return { path: [...walked, ...pending], passed: [...passed, at], node: undefined, missing: pending, own };
      }
      if (next.type === 'symlink' && (rest.length > 0 || follow)) {
        if (++links > MAX_LINKS) throw new Refusal('400 ELOOP');
        own = Math.min(own, rest.length);
        pending = [...namesOf(next.target), ...rest];
        if (next.target.startsWith('/')) [at, passed, walked] = [this.root, [], []];
        continue;
      }
      passed = [...passed, at];
      walked = [...walked, name];
      at = next;
      pending = rest;
    }
    return { path: walked, passed, node: at, missing: [], own: 0 };
  }

  /** Whether the caller may put a name there, and the directories that are missing on the way. */
  private requireCreatable(caller: Caller, located: Located): void {
    requireReachable(located);
    this.require(caller, located.passed[located.passed.length - 1] ?? this.root, WRITE | SEARCH);
  }

  private make(caller: Caller, located: Located, node: Node): void {
    this.requireCreatable(caller, located);
    let directory = located.passed[located.passed.length - 1] ?? this.root;
    for (const name of located.missing.slice(0, -1)) {
      const made = newDirectory(caller);
      directory.children.set(name, made);
      directory = made;
    }
    directory.children.set(located.path[located.path.length - 1] as string, node);
  }

  private copyOf(caller: Caller, node: Node): Node {
    if (node.type === 'symlink') return { ...node, uid: caller.uid };
    const mode = node.mode & 0o777 & ~UMASK;
    if (node.type === 'file') {
      this.require(caller, node, READ);
      return { type: 'file', bytes: node.bytes, mode, uid: caller.uid };
    }
    this.require(caller, node, READ | SEARCH);
    const children = new Map([...node.children].map(([name, child]) => [name, this.copyOf(caller, child)]));
    return { type: 'directory', children, mode, uid: caller.uid };
  }

  private requireRemovable(caller: Caller, directory: DirectoryNode): void {
    if (directory.children.size === 0) return;
    this.require(caller, directory, READ | WRITE | SEARCH);
    for (const child of directory.children.values()) if (child.type === 'directory') this.requireRemovable(caller, child);
  }

  private require(caller: Caller, node: Node, wanted: number): void {
    if (!may(caller, node, wanted)) throw new Refusal('403 PERMISSION_DENIED');
  }
}

/** No directory is made where a link leads: as a parent, such a link is in the way, and as a file it leads nowhere. */
function requireReachable({ missing, own }: Located): void {
  if (missing.length > 1 && own < missing.length) throw new Refusal(own > 0 ? '409 NOT_A_DIRECTORY' : '404 FILE_NOT_FOUND');
}

function found({ node, path: names, passed }: Located, root: DirectoryNode) {
  if (!node) throw new Refusal('404 FILE_NOT_FOUND');
  return { node, path: names, name: names[names.length - 1] ?? '', parent: passed[passed.length - 1] ?? root };
}

/** The users of the model are in no group but their own, so that a node's group never counts. */
function may(caller: Caller, node: Node, wanted: number): boolean {
  if (caller.uid === 0) return true;
  const bits = caller.uid === node.uid ? node.mode >> 6 : node.mode;
  return (bits & wanted) === wanted;
}

function newDirectory(caller: Caller): DirectoryNode {
  return { type: 'directory', children: new Map(), mode: 0o777 & ~UMASK, uid: caller.uid };
}

function namesOf(path: string): string[] {
  return path.split('/').filter((name) => name !== '' && name !== '.');
}

function sortedNames(directory: DirectoryNode): string[] {
  return [...directory.children.keys()].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}

function isWithin(path: readonly string[], ancestor: readonly string[]): boolean {
  return ancestor.every((name, index) => path[index] === name);
}
