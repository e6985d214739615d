import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, inject, it } from 'vitest';
import type { Answer, Client } from '../support/client';
import { freshDirectory, must } from '../support/fixture';
import { DIRECTORY_PREFIX, USERS, type TestUser } from '../support/server';
import { useServer } from '../support/use-server';

/**
 * A7: what CallFS allows is what Linux allows. Each case is done twice, in real files by a process with the user's
 * numbers, and over the API with the user's key; both must agree. It takes root to become other users.
 */
const [ALICE, BOB, CAROL] = USERS;
const MEDIA = 3000;

interface Entry {
  readonly path: string;
  readonly type: 'file' | 'directory';
  readonly uid: number;
  readonly gid: number;
  readonly mode: string;
}

interface Case {
  readonly title: string;
  readonly entries: readonly Entry[];
  readonly caller: TestUser;
  readonly operation: string;
  readonly args: readonly (string | number)[];
}

type Perform = (client: Client, base: string, args: readonly (string | number)[]) => Promise<Answer>;

/** Each operation of the oracle over the API. */
const OPERATIONS: Record<string, Perform> = {
  read: (client, base, [path]) => client.get(`${base}/${path}`),
  overwrite: (client, base, [path]) => client.put(`${base}/${path}`, 'new'),
  stat: (client, base, [path]) => client.head(`${base}/${path}`),
  list: (client, base, [path]) => client.list(`${base}/${path}`),
  create: (client, base, [path]) => client.post(`${base}/${path}`, 'new'),
  mkdir: (client, base, [path]) => client.mkdir(`${base}/${path}`),
  delete: (client, base, [path]) => client.delete(`${base}/${path}`),
  rename: (client, base, [path, to]) => client.move(`${base}/${path}`, `${base}/${to}`),
  chmod: (client, base, [path, mode]) => client.patch(`${base}/${path}`, { mode }),
  chown: (client, base, [path, owner]) => client.patch(`${base}/${path}`, { owner }),
  chgrp: (client, base, [path, group]) => client.patch(`${base}/${path}`, { group }),
  utimes: (client, base, [path]) => client.patch(`${base}/${path}`, { mtime: '2001-01-01T00:00:00Z' }),
  touch: (client, base, [path]) => client.patch(`${base}/${path}`, { mtime: 'now', atime: 'now' }),
};

const CLASSES = [
  ['owner', ALICE, 6],
  ['group', BOB, 3],
  ['other', CAROL, 0],
] as const;

const octal = (mode: number) => mode.toString(8).padStart(4, '0');

/** Every set of bits of one class, the other classes having the opposite: the first class that applies decides. */
function modesOf(shift: number): string[] {
  return Array.from({ length: 8 }, (_, bits) => octal((bits << shift) | (~(7 << shift) & 0o777 & ((7 - bits) * 0o111))));
}

const fileOperations = (path: string) =>
  [
    ['read', [path]],
    ['overwrite', [path]],
    ['stat', [path]],
    ['chmod', [path, '0600']],
    ['chown', [path, CAROL.uid]],
    ['chgrp', [path, MEDIA]],
    ['chgrp', [path, 4444]],
    ['utimes', [path]],
    ['touch', [path]],
    ['delete', [path]],
    ['rename', [path, 'renamed']],
  ] as const;

const directoryOperations = [
  ['list', ['d']],
  ['stat', ['d']],
  ['stat', ['d/x']],
  ['read', ['d/x']],
  ['overwrite', ['d/x']],
  ['create', ['d/new']],
  ['mkdir', ['d/new']],
  ['delete', ['d/x']],
  ['rename', ['d/x', 'd/y']],
  ['rename', ['d/x', 'out']],
  ['rename', ['z', 'd/z']],
  ['rename', ['d', 'e']],
  ['chmod', ['d', '0700']],
  ['utimes', ['d']],
  ['touch', ['d']],
] as const;

function cases(): Case[] {
  const all: Case[] = [];
  for (const [name, caller, shift] of CLASSES) {
    for (const mode of modesOf(shift)) {
      const file: Entry = { path: 'f', type: 'file', uid: ALICE.uid, gid: MEDIA, mode };
      for (const [operation, args] of fileOperations('f'))
        all.push({
          title: `${name} ${operation} file ${mode} ${args.slice(1).join()}`,
          entries: [file],
          caller,
          operation,
          args,
        });
      const entries: Entry[] = [
        { path: 'd', type: 'directory', uid: ALICE.uid, gid: MEDIA, mode },
        { path: 'd/x', type: 'file', uid: ALICE.uid, gid: MEDIA, mode: '0666' },
        { path: 'z', type: 'file', uid: ALICE.uid, gid: MEDIA, mode: '0666' },
      ];
      for (const [operation, args] of directoryOperations)
        all.push({ title: `${name} ${operation} ${args.join(' → ')} of directory ${mode}`, entries, caller, operation, args });
    }
  }
  // The sticky bit, in a directory of one's own, of another, with one's own or another's file in it.
  for (const mode of ['1777', '0777', '1775'])
    for (const [, caller] of CLASSES)
      for (const directoryOwner of [ALICE, BOB])
        for (const fileOwner of [ALICE, BOB, CAROL])
          for (const type of ['file', 'directory'] as const)
            for (const [operation, args] of [
              ['delete', ['d/x']],
              ['rename', ['d/x', 'd/y']],
              ['rename', ['d/x', 'out']],
            ] as const) {
              const entries: Entry[] = [
                { path: 'd', type: 'directory', uid: directoryOwner.uid, gid: MEDIA, mode },
                { path: 'd/x', type, uid: fileOwner.uid, gid: fileOwner.gid, mode: '0777' },
              ];
              const title = `${caller.name} ${operation} ${args.join(' → ')}: ${type} of ${fileOwner.name} in ${mode} of ${directoryOwner.name}`;
              all.push({ title, entries, caller, operation, args });
            }
  return all;
}

// Nothing here depends on what outlives a crash, and a slow disk would make it long.
const server = useServer({ config: { storage: { durability: 'relaxed' } } });

describe('A7 user, group and other × r, w and x × files and directories × operations', () => {
  let root: Client;

  beforeAll(() => {
    root = server.client();
  });

  it.runIf(process.getuid?.() === 0)(
    'are what Linux allows',
    async () => {
      // Who may do what is decided outside of the metadata: of what PostgreSQL keeps, every fifth says enough.
      const all = inject('sharedPostgres') ? cases().filter((_, index) => index % 5 === 0) : cases();
      const linux = await askLinux(all);
      const differences: string[] = [];

      await inParallel(8, all.entries(), async ([index, one]) => {
        const answer = await attempt(root, one);
        const allowed = answer.status < 300;
        const expected = linux[index] === 'ok';
        if (allowed !== expected || (!allowed && answer.status !== 403))
          differences.push(`${one.title}: Linux says ${linux[index]}, CallFS ${answer.outcome}`);
      });

      expect(differences).toEqual([]);
      expect(new Set(linux)).toEqual(new Set(['ok', 'EACCES', 'EPERM']));
    },
    600_000,
  );

  async function attempt(superuser: Client, { entries, caller, operation, args }: Case): Promise<Answer> {
    const base = await freshDirectory(superuser, '0777');
    for (const { path, type } of entries)
      await must(type === 'directory' ? superuser.mkdir(`${base}/${path}`) : superuser.put(`${base}/${path}`, 'x'));
    for (const { path, uid, gid, mode } of entries)
      await must(superuser.patch(`${base}/${path}`, { owner: uid, group: gid, mode }));
    const perform = OPERATIONS[operation];
    if (!perform) throw new Error(`No operation ${operation}.`);
    return perform(server.client(caller.name), base, args);
  }
});

async function askLinux(all: readonly Case[]): Promise<string[]> {
  const dir = await mkdtemp(join(tmpdir(), DIRECTORY_PREFIX));
  try {
    execFileSync('/bin/chmod', ['0755', dir]);
    const script = join(__dirname, '../support/linux-oracle.mjs');
    const input = JSON.stringify(all);
    return JSON.parse(execFileSync(process.execPath, [script, dir], { input, encoding: 'utf8', maxBuffer: 1e8 })) as string[];
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** Works through the items, `width` at a time. */
async function inParallel<T>(width: number, items: Iterator<T>, work: (item: T) => Promise<void>): Promise<void> {
  const worker = async () => {
    for (let next = items.next(); !next.done; next = items.next()) await work(next.value);
  };
  await Promise.all(Array.from({ length: width }, worker));
}
