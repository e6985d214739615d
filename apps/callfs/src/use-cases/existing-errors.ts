import { CallfsError, type VirtualPath } from '@callfs/core';
import type { Existing } from './located';

/** Told with where the existing thing is, so that a client of any node can go on with PUT. */
export function alreadyExists({ path, inode }: Existing): CallfsError {
  const what = inode.type === 'directory' ? 'A directory' : inode.type === 'symlink' ? 'A symbolic link' : 'A file';
  return new CallfsError('FILE_ALREADY_EXISTS', `${what} already exists at ${path.toString()}.`, {
    details: {
      existing_path: path.toString(),
      existing_type: inode.type,
      ...(inode.content ? { instance_id: inode.content.instanceId, backend_type: inode.content.backend } : {}),
    },
  });
}

export function isADirectory(path: VirtualPath): CallfsError {
  const message = `${path.toString()} is a directory. Name a file, such as one in it.`;
  return new CallfsError('IS_A_DIRECTORY', message, { details: { path: path.toString() } });
}

/** Of a path that was written as a directory's and is to become a file. */
export function saysDirectory(path: VirtualPath): CallfsError {
  const text = path.toString();
  const message = `${text} ends in "/", which says a directory. For a file, leave it out; for a directory, POST it without content.`;
  return new CallfsError('IS_A_DIRECTORY', message, { details: { path: text } });
}
