import type { IncomingMessage } from 'node:http';
import { CallfsError } from '@callfs/core';
import { Exchange } from './exchange';
import { SOCKETS } from './sockets/socket-request';

/** Longest request target (path and query) that is looked at, in bytes. */
export const URL_MAX_BYTES = 16 * 1024;

/**
 * Below these a URL is a path of the tree. The router must never see it: it would decode `%2F`, bound the length of
 * parameters and collapse slashes. It sees a constant instead, and the controller reads `rawPathOf`.
 */
const TREE_PREFIXES = ['/v1/files', '/v1/directories'];

/** A request target taken apart, still encoded. */
export interface RequestTarget {
  readonly path: string;
  /** Without the `?`. */
  readonly query: string;
}

const ABSOLUTE_FORM = /^https?:\/\/[^/?#]*/i;

/** Takes a request target apart (origin-form, or the absolute-form that RFC 9112 §3.2.2 makes servers accept). */
export function parseTarget(url: string): RequestTarget {
  const target = url.charCodeAt(0) === 0x2f ? url : url.replace(ABSOLUTE_FORM, '');
  const mark = target.indexOf('?');
  if (mark === -1) return { path: target || '/', query: '' };
  return { path: target.slice(0, mark) || '/', query: target.slice(mark + 1) };
}

/** What the router gets to see for `path`, of a request that asks to become a WebSocket or of an ordinary one. */
export function routedPath(path: string, opensSocket = false): string {
  if (opensSocket) return `${SOCKETS}/-`;
  for (const prefix of TREE_PREFIXES) if (isBelow(path, prefix)) return `${prefix}/-`;
  return path;
}

function isBelow(path: string, prefix: string): boolean {
  return path.startsWith(prefix) && (path.length === prefix.length || path.charCodeAt(prefix.length) === 0x2f);
}

/**
 * The percent-encoded path that follows `prefix` in the URL exactly as the client wrote it, for `VirtualPath.fromUrl`;
 * empty for the prefix itself. `ROUTE_NOT_FOUND` when the URL spells the prefix in another way (`/v1/%66iles/a`).
 */
export function rawPathOf(request: { readonly raw: IncomingMessage }, prefix: string): string {
  const { path } = Exchange.of(request.raw).target;
  if (!isBelow(path, prefix)) throw new CallfsError('ROUTE_NOT_FOUND', `There is no such route. Spell ${prefix} as it is.`);
  return path.slice(prefix.length);
}

/** The parameters after `?`, decoded; each at most once. */
export type Query = ReadonlyMap<string, string>;

const NO_QUERY: Query = new Map();

/** Reads the query: `+` is a space, as forms write it. `INVALID_REQUEST` for a bad escape, bad UTF-8 or a repeated name. */
export function queryOf(request: { readonly raw: IncomingMessage }): Query {
  const { query } = Exchange.of(request.raw).target;
  return query === '' ? NO_QUERY : parseQuery(query);
}

export function parseQuery(query: string): Query {
  const parameters = new Map<string, string>();
  for (const pair of query.split('&')) {
    if (pair === '') continue;
    const equals = pair.indexOf('=');
    const name = decode(equals === -1 ? pair : pair.slice(0, equals));
    if (parameters.has(name)) throw invalidQuery(`"${name}" is given twice`);
    parameters.set(name, equals === -1 ? '' : decode(pair.slice(equals + 1)));
  }
  return parameters;
}

function decode(text: string): string {
  const spaced = text.replaceAll('+', ' ');
  if (!spaced.includes('%')) return spaced;
  try {
    return decodeURIComponent(spaced);
  } catch {
    throw invalidQuery('a "%" is not followed by two hexadecimal digits, or the bytes are not UTF-8');
  }
}

function invalidQuery(reason: string): CallfsError {
  return new CallfsError('INVALID_REQUEST', `Invalid query: ${reason}.`);
}
