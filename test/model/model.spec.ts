import fc from 'fast-check';
import { beforeAll, describe, expect, inject, it } from 'vitest';
import { entries, type Client } from '../support/client';
import { freshDirectory, must } from '../support/fixture';
import { useServer } from '../support/use-server';
import { CALLERS, operations, perform, predict, type Operation } from './operations';
import { TreeModel, type Node } from './tree-model';

/** Sequences that are tried; each is a tree of its own. `npm run soak` tries more. */
const SEQUENCES = Number(process.env['MODEL_SEQUENCES'] ?? (inject('sharedPostgres') ? 100 : 400));
/** A slow machine tries fewer rather than failing. */
const TIME_LIMIT_MS = SEQUENCES * 250;

const server = useServer({ config: { storage: { inline_max_bytes: 64 } } });
let clients: Record<string, Client>;

beforeAll(() => {
  clients = Object.fromEntries(Object.keys(CALLERS).map((name) => [name, server.client(name)]));
});

const client = (name: string) => clients[name] as Client;

/** What can be seen of a node, for comparing. */
function describeNode(path: string, node: Node, base: string): string {
  const owner = `${node.mode.toString(8).padStart(4, '0')} ${node.uid}`;
  if (node.type === 'file') return `${path} file ${owner} ${node.bytes.length}`;
  if (node.type === 'symlink')
    return `${path} symlink ${owner} → ${node.target.startsWith('/') ? base + node.target : node.target}`;
  return `${path} directory ${owner} ${2 + [...node.children.values()].filter(({ type }) => type === 'directory').length}`;
}

/** The whole tree as the server has it, in the same words. */
async function describeServer(base: string): Promise<string[]> {
  return entries(await client('root').list(base, { recursive: true, limit: 10_000 })).map((entry) => {
    const path = entry.path.slice(base.length);
    const owner = `${entry.mode} ${entry.uid}`;
    if (entry.type === 'file') return `${path} file ${owner} ${entry.size}`;
    if (entry.type === 'symlink') return `${path} symlink ${owner} → ${entry.target}`;
    return `${path} directory ${owner} ${entry.nlink}`;
  });
}

async function compareTrees(model: TreeModel, base: string): Promise<void> {
  const nodes = [...model.walk()];
  expect(await describeServer(base)).toEqual(nodes.map(([path, node]) => describeNode(path, node, base)));
  for (const [path, node] of nodes) {
    if (node.type === 'file') expect((await client('root').get(base + path)).text).toBe(node.bytes);
  }
}

async function runSequence(sequence: readonly Operation[]): Promise<void> {
  const base = await freshDirectory(client('root'), '0777');
  const model = new TreeModel();
  for (const operation of sequence) {
    const expected = predict(model, operation);
    if (expected === undefined) continue;
    const got = await perform(client(operation.by), base, operation);
    expect({ operation, outcome: short(got) }).toEqual({ operation, outcome: short(expected) });
    expect(got).toBe(expected);
  }
  await compareTrees(model, base);
  await must(client('root').delete(base, { recursive: true }));
}

const short = (text: string) => (text.length > 80 ? `${text.slice(0, 40)}… (${text.length})` : text);

describe('the whole file API against a model in memory', () => {
  it(
    `${SEQUENCES} random sequences: every outcome, every byte, every attribute`,
    async () => {
      const given = process.env['MODEL_SEED'];
      const seed = given === undefined ? Date.now() % 2 ** 31 : Number(given);
      console.log(`model test: seed ${seed} (MODEL_SEED=${seed} repeats it)`);

      await fc.assert(fc.asyncProperty(operations, runSequence), {
        seed,
        numRuns: SEQUENCES,
        interruptAfterTimeLimit: TIME_LIMIT_MS,
      });
    },
    TIME_LIMIT_MS + 200_000,
  );
});
