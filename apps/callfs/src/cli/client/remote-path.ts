import { VirtualPath } from '@callfs/core';
import { CommandFailure, EXIT } from '../exit-codes';
import type { FileClient } from './file-client';

/** A path of the server as it stands on the command line; a `/` at its beginning may be left out. */
export function remotePath(text: string): VirtualPath {
  return VirtualPath.fromText(text);
}

/**
 * Where `name` goes when it is put, moved or copied to `to`, as cp(1) decides it: into `to` when that is a directory or
 * says so, else to `to` itself. Several things go into a directory or nowhere.
 */
export async function placeFor(client: FileClient, to: VirtualPath, name: string, several: boolean): Promise<VirtualPath> {
  const bare = to.withoutTrailingSlash();
  const isDirectory = to.isRoot || to.saysDirectory || (await client.find(bare))?.type === 'directory';
  if (isDirectory) return name === '' ? bare : bare.child(name);
  if (several) throw new CommandFailure(`${to.toString()} is not a directory, so not all of these can go there.`, EXIT.failed);
  return bare;
}
