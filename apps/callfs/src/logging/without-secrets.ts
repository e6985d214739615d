const DOWNLOAD = '/download/';

/** As tokens of links look. */
const TOKEN = /[\w-]{80,}/g;

/** Where ids are asked for, what is none may be the key or the token itself. */
const NO_ID = /^(\/v1\/(?:admin\/)?(?:keys|links)\/)(?!(?:[0-9a-f]{1,32}|generate)$).+/;

/** The path of a URL for logs: whoever has the token of a link has its file, so it is no more for them than a key, however its URL was spelt. */
export function withoutSecrets(path: string): string {
  if (path.startsWith(DOWNLOAD)) return `${DOWNLOAD}***`;
  if (path.startsWith('/v1/')) return path.startsWith('/v1/files') ? path : path.replace(NO_ID, '$1***');
  return path.length < 80 ? path : path.replace(TOKEN, '***');
}
