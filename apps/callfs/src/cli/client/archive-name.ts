import { statSync } from 'node:fs';
import { CommandFailure, EXIT } from '../exit-codes';

const OTHER_ARCHIVE = /\.(?:zip|7z|rar|tbz2?|txz|tzst|tar\.[a-z0-9]+)$/i;

/**
 * Whether a source or target on the command line is a tar archive and not a directory. An archive of another kind is
 * wrong usage: it would become a directory, or a file, of its name.
 */
export function isArchive(path: string): boolean {
  if (path === '-' || /\.(?:tar|tar\.gz|tgz)$/i.test(path)) return true;
  if (OTHER_ARCHIVE.test(path) && !statSync(path, { throwIfNoEntry: false })?.isDirectory()) {
    const message = `${path}: an archive ends with .tar, .tar.gz or .tgz here; any other name is that of a directory.`;
    throw new CommandFailure(message, EXIT.usage);
  }
  return false;
}
