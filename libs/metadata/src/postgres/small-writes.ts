import type { InodeId } from '@callfs/core';
import type {
  AttributeChanges,
  AuthorisedPath,
  NewAttributes,
  NewContent,
  NewName,
  SharedContent,
  Target,
} from '../metadata-store';
import type { TreeChange } from './commit-lane';

/** A new or replaced file whose bytes come with the commit. The one kind of change of which there are many at once. */
export interface SmallWrite {
  /** The directory that has the name. */
  readonly directory: AuthorisedPath;
  readonly content: NewContent & { readonly data: Buffer };
  /** What the statements take of it besides. */
  readonly row: Readonly<Record<string, unknown>>;
  readonly isNew: boolean;
}

/** What `callfs_commit_small` takes. */
export interface SmallWrites {
  readonly rows: {
    /** Directories that lead to the names, each as it was judged. */
    readonly steps: readonly unknown[];
    readonly guards: readonly unknown[];
    /** `n`: the place of the write among all, from 0; `at`: where its bytes begin. */
    readonly created: readonly unknown[];
    readonly replaced: readonly unknown[];
  };
  /** The bytes of all, one after the other. */
  readonly data: Buffer;
}

/** `undefined` when more than the file itself would change. */
export function smallCreation(
  at: NewName,
  attributes: NewAttributes,
  content: NewContent | SharedContent,
  contentType: string | null,
): SmallWrite | undefined {
  if (!isSmall(content) || !isWhole(at.directory) || at.missing.length > 0) return undefined;
  return { directory: at.directory, content, row: { ...attributes, name: at.name, contentType }, isNew: true };
}

/** `undefined` when more than the content and its type would change. */
export function smallReplacement(
  { path, version }: Target,
  content: NewContent | SharedContent,
  changes: AttributeChanges,
): SmallWrite | undefined {
  const { contentType, ...others } = changes;
  if (!isSmall(content) || !isWhole(path) || path.names.length === 0 || Object.keys(others).length > 0) return undefined;
  const directory = { names: path.names.slice(0, -1), steps: path.steps.slice(0, -1) };
  const name = path.names.at(-1);
  const row = { ...path.steps.at(-1), version, name, contentType, hasType: contentType !== undefined };
  return { directory, content, row, isNew: false };
}

export function smallWritesOf(changes: readonly TreeChange[]): SmallWrites {
  const steps = new Map<string, unknown>();
  const guards: unknown[] = [];
  const [created, replaced]: [unknown[], unknown[]] = [[], []];
  const data: Buffer[] = [];
  let at = 0;
  changes.forEach(({ small, guard }, n) => {
    if (!small) throw new TypeError('not a small write');
    const { data: bytes, replicas: _none, ...content } = small.content;
    const parent = addSteps(steps, small.directory);
    (small.isNew ? created : replaced).push({ ...small.row, ...content, n, parent, at });
    if (guard) guards.push(guard);
    data.push(bytes);
    at += bytes.length;
  });
  return { rows: { steps: [...steps.values()], guards, created, replaced }, data: Buffer.concat(data, at) };
}

function isSmall(content: NewContent | SharedContent): content is SmallWrite['content'] {
  return 'data' in content && content.data !== null;
}

/** Each name was judged. */
function isWhole({ names, steps }: AuthorisedPath): boolean {
  return steps.length === names.length + 1;
}

/** The number of the directory at the end. */
function addSteps(steps: Map<string, unknown>, { names, steps: judged }: AuthorisedPath): InodeId {
  let parent: InodeId = 0;
  judged.forEach(({ id, mode, uid, gid }, depth) => {
    // The root has no name; whatever else has none leads nowhere.
    const name = names[depth - 1] ?? '';
    steps.set(`${parent} ${id} ${mode} ${uid} ${gid} ${name}`, { parent, name, id, mode, uid, gid });
    parent = id;
  });
  return parent;
}
