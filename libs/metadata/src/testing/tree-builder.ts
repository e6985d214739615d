import { randomBytes } from 'node:crypto';
import { newStorageKey, type Inode } from '@callfs/core';
import type { AuthorisedPath, MetadataStore, NewAttributes, NewContent, NewName, Target } from '../metadata-store';
import type { MetadataFault, VerifyOptions } from '../verification/metadata-fault';

export const ROOT_OWNED: NewAttributes = { mode: 0o644, uid: 0, gid: 0 };
export const DIRECTORY: NewAttributes = { mode: 0o755, uid: 0, gid: 0 };

/** What a use case does before it commits: reads the path and remembers what it was judged by. */
export async function authorised(store: MetadataStore, ...names: string[]): Promise<AuthorisedPath> {
  const { inodes } = await store.resolve(names);
  if (inodes.length !== names.length + 1) throw new Error(`/${names.join('/')} does not exist`);
  return { names, steps: inodes.map(({ id, mode, uid, gid }) => ({ id, mode, uid, gid })) };
}

/** The place of the last name, in a directory that exists. */
export async function place(store: MetadataStore, ...names: string[]): Promise<NewName> {
  return { directory: await authorised(store, ...names.slice(0, -1)), missing: [], name: names.at(-1)! };
}

export async function target(store: MetadataStore, ...names: string[]): Promise<Target> {
  const { inodes } = await store.resolve(names);
  return { path: await authorised(store, ...names), version: inodes.at(-1)!.version };
}

/** What stands at the path, or `undefined`. */
export async function find(store: MetadataStore, ...names: string[]): Promise<Inode | undefined> {
  const { inodes } = await store.resolve(names);
  return inodes.length === names.length + 1 ? inodes.at(-1) : undefined;
}

export async function read(store: MetadataStore, ...names: string[]): Promise<string | undefined> {
  const { data } = await store.resolve(names, { data: true });
  return data?.toString();
}

export function inline(text: string): NewContent {
  const data = Buffer.from(text);
  return { size: data.length, sha256: hexDigest(), backend: 'localfs', instanceId: 'node-1', data, replicas: [] };
}

export function blob(size = 100_000, key = newStorageKey()): NewContent {
  const place = { backend: 'localfs', instanceId: 'node-1' };
  return { size, sha256: hexDigest(), ...place, data: null, replicas: [{ ...place, key }] };
}

/** Looks like a digest; the store takes it as it is given. */
function hexDigest(): string {
  return randomBytes(32).toString('hex');
}

export async function makeFile(store: MetadataStore, path: string[], content = inline('text')): Promise<Inode> {
  return store.createFile(await place(store, ...path), ROOT_OWNED, content, null);
}

export async function makeDirectory(store: MetadataStore, path: string[], attributes = DIRECTORY): Promise<Inode> {
  return store.createDirectory(await place(store, ...path), attributes);
}

/** Makes many files in a directory that exists, as fast as the store takes them. */
export async function makeFiles(store: MetadataStore, directory: string[], names: readonly string[]): Promise<void> {
  const at = { directory: await authorised(store, ...directory), missing: [] };
  await Promise.all(names.map((name) => store.createFile({ ...at, name }, ROOT_OWNED, inline(name), null)));
}

export async function namesIn(store: MetadataStore, ...directory: string[]): Promise<string[]> {
  const inode = await find(store, ...directory);
  const entries = await store.list({ directory: inode!.id, sort: 'name', order: 'asc', limit: 1000 });
  return entries.map(({ name }) => name);
}

/** All that `verify` finds. */
export async function faultsOf(store: MetadataStore, options?: VerifyOptions): Promise<MetadataFault[]> {
  const faults: MetadataFault[] = [];
  for await (const fault of store.verify(options)) faults.push(fault);
  return faults;
}
