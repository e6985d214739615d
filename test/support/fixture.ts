import { entries, type Answer, type Client } from './client';
import { sha256 } from './random';

let counter = 0;

/** A directory for one test alone, so that tests of a file share a server and nothing else. */
export async function freshDirectory(client: Client, mode?: string): Promise<string> {
  const path = `/t${process.pid}-${++counter}`;
  const made = await client.mkdir(path, mode);
  if (made.status !== 201) throw new Error(`Making ${path}: ${made.outcome} ${made.text}`);
  return path;
}

/**
 * `file` ("old"), `dir/inner` ("inside"), `empty/` and `link` → `file`, in a fresh directory: something to go wrong with.
 */
export async function freshFixture(client: Client): Promise<string> {
  const root = await freshDirectory(client);
  await must(client.put(`${root}/file`, 'old'));
  await must(client.put(`${root}/dir/inner`, 'inside'));
  await must(client.mkdir(`${root}/empty`));
  await must(client.symlink(`${root}/link`, 'file'));
  return root;
}

/** Everything that can be seen of a tree, but for the times of access: equal before and after means nothing changed. */
export async function snapshot(client: Client, root: string): Promise<unknown[]> {
  const listing = await must(client.list(root, { recursive: true, limit: 10_000 }));
  const seen: unknown[] = [];
  for (const { atime: _, ...entry } of entries(listing)) {
    const digest = entry.type === 'file' ? sha256((await must(client.get(entry.path))).body) : null;
    seen.push({ ...entry, digest });
  }
  return seen;
}

/** The answer, which has to be a success. */
export async function must(pending: Promise<Answer>): Promise<Answer> {
  const answer = await pending;
  if (answer.status >= 300) throw new Error(`Expected a success, got ${answer.outcome}: ${answer.text.slice(0, 300)}`);
  return answer;
}
