import { copyFile, mkdir } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import type { TestCluster } from '../support/cluster';
import { must } from '../support/fixture';
import { blobMadeBy } from '../support/storage-root';

/** Stores a file on the first of these nodes and gives each of the others a blob of it too; resolves to where the blobs are. */
export async function putOn(cluster: TestCluster, path: string, content: Buffer, ...numbers: number[]): Promise<string[]> {
  const [first = 1, ...others] = numbers;
  const node = cluster.node(first);
  const blob = await blobMadeBy(node.dataDir, () => must(node.client().put(path, content)));
  const blobs = [blob];
  for (const number of others) blobs.push(await giveTo(cluster, number, blob, first));
  return blobs;
}

/** Gives a node a blob of what another has; resolves to where it is. `prepare` has it before the metadata name it. */
export async function giveTo(
  cluster: TestCluster,
  number: number,
  blob: string,
  from: number,
  prepare: (copy: string) => Promise<void> = async () => undefined,
): Promise<string> {
  const copy = join(cluster.node(number).dataDir, relative(cluster.node(from).dataDir, blob));
  await mkdir(dirname(copy), { recursive: true });
  await copyFile(blob, copy);
  await prepare(copy);
  await cluster.query(`INSERT INTO replica (content_id, backend, instance_id, key)
    SELECT content_id, backend, 'node-${number}', key FROM replica WHERE key = '${basename(blob).slice(-32)}' LIMIT 1`);
  return copy;
}
