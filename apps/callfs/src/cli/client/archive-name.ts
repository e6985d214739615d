/** Whether a source or target on the command line is a tar archive and not a directory. */
export function isArchive(path: string): boolean {
  return path === '-' || /\.(?:tar|tar\.gz|tgz)$/i.test(path);
}
