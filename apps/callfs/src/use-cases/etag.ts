import type { Content, Inode } from '@callfs/core';

/** The strong entity tag of a content, quotes included. It names the content itself, so no clock can make it lie. */
export function etagOf(content: Content): string {
  return `"${content.id.toString(36)}-${content.sha256.slice(0, 16)}"`;
}

/**
 * The entity tag of an entry: a file's is its content's; that of a directory or a link changes with its own row
 * (names in it, attributes, target), not with what lies below it, so it can guard a write but never stands for a listing.
 */
export function entryEtagOf(inode: Inode): string {
  if (inode.content) return etagOf(inode.content);
  return `"i${inode.id.toString(36)}-${inode.version.toString(36)}"`;
}
