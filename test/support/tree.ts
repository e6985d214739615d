import { entries, type Client } from './client';
import { type Random } from './random';

/** A directory tree: relative paths, parents before what is in them. */
export interface Tree {
  readonly directories: readonly string[];
  readonly files: ReadonlyMap<string, Buffer>;
}

/** A tree of `directories` directories and `files` small files, of any depth. */
export function randomTree(random: Random, size: { directories: number; files: number }): Tree {
  const directories: string[] = [];
  for (let i = 0; i < size.directories; i++) {
    const parent = i === 0 ? '' : random.pick(['', ...directories]);
    directories.push(`${parent}${parent === '' ? '' : '/'}d${i}`);
  }
  const files = new Map<string, Buffer>();
  for (let i = 0; i < size.files; i++) {
    const parent = random.pick(['', ...directories]);
    files.set(`${parent}${parent === '' ? '' : '/'}f${i}.bin`, random.bytes(random.below(200)));
  }
  return { directories, files };
}

/** Puts the tree under `root`, which is made on the way. */
export async function plantTree(client: Client, root: string, tree: Tree): Promise<void> {
  await expectStatus(client.mkdir(root), 200, 201);
  for (const directory of tree.directories) await expectStatus(client.mkdir(`${root}/${directory}`), 200, 201);
  for (const [path, bytes] of tree.files) await expectStatus(client.put(`${root}/${path}`, bytes), 200, 201);
}

/** Reads back what is under `root`; compare it with the tree that was planted. */
export async function harvestTree(client: Client, root: string): Promise<Tree> {
  const listing = await client.list(root, { recursive: true, limit: 10_000 });
  const directories: string[] = [];
  const files = new Map<string, Buffer>();
  for (const entry of entries(listing)) {
    const relative = entry.path.slice(root.length + 1);
    if (entry.type === 'directory') directories.push(relative);
    else files.set(relative, (await client.get(entry.path)).body);
  }
  return { directories, files };
}

/** A tree as plain data that compares independent of order. */
export function treeSummary(tree: Tree): Record<string, string> {
  return Object.fromEntries([
    ...tree.directories.map((path) => [path, 'directory']),
    ...[...tree.files].map(([path, bytes]) => [path, bytes.toString('base64')]),
  ]);
}

async function expectStatus(answer: Promise<{ status: number; outcome: string }>, ...statuses: number[]): Promise<void> {
  const { status, outcome } = await answer;
  if (!statuses.includes(status)) throw new Error(`Planting a tree: ${outcome}`);
}
