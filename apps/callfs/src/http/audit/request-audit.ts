import { withoutSecrets } from '../../logging/without-secrets';
import type { AuditLog } from '../../use-cases/audit/audit-log';
import { asCallfsError } from '../error-response';
import type { Exchange } from '../exchange';

const DOWNLOAD = '/download/';
const FILES = '/v1/files';
const DIRECTORIES = '/v1/directories';
const DETAIL_MAX = 1000;

/** What a refused request of the tree was about to do, where it did not come far enough to say so itself. */
const ATTEMPTS: Readonly<Record<string, string>> = {
  GET: 'read',
  HEAD: 'stat',
  PUT: 'put',
  POST: 'create',
  PATCH: 'change',
  DELETE: 'delete',
};

/**
 * Which requests the audit log has: every one that changes something or tries to, every use of a link, every one that was
 * refused for want of a permission, and every key that is none. A request that names no key at all is left to the access log,
 * for anybody can send any number of them.
 */
export class RequestAudit {
  constructor(private readonly log: AuditLog) {}

  finished(exchange: Exchange, status: number, address: string): void {
    const { request, route, identity, deed } = exchange;
    const method = request.method ?? '';
    const isRefused = status === 403 || (status === 401 && (request.headers.authorization !== undefined || deed !== undefined));
    const isReading = method === 'GET' || method === 'HEAD' || method === 'OPTIONS';
    // What asks for a socket, or how an upload stands, is a GET or HEAD that may come to a commit.
    const isChange = identity !== null && (!isReading || deed !== undefined);
    const isDownload = route.startsWith(DOWNLOAD);
    if (!isRefused && !isChange && !isDownload) return;
    const [path = pathOf(exchange), target] = deed?.paths ?? [];
    this.log.record({
      atMs: Date.now(),
      user: identity?.user ?? deed?.user ?? '',
      keyId: identity?.keyId ?? '',
      operation: deed?.operation ?? operationOf(method, route),
      path: path ?? null,
      target: target ?? null,
      address,
      status,
      code: codeOf(exchange, status),
      requestId: exchange.requestId,
      detail: deed?.detail?.slice(0, DETAIL_MAX) ?? detailOf(exchange),
    });
  }
}

/** A transfer over a socket can fail after the answer that opened it. */
function codeOf({ failure, upgraded }: Exchange, status: number): string {
  if (status < 400 && (upgraded === undefined || failure === undefined)) return 'OK';
  return failure === undefined ? String(status) : asCallfsError(failure).code;
}

function isTree(route: string): boolean {
  return route.startsWith(FILES) || route.startsWith(DIRECTORIES);
}

function operationOf(method: string, route: string): string {
  if (route.startsWith(DOWNLOAD)) return 'download';
  if (route.startsWith(DIRECTORIES)) return 'list';
  return route.startsWith(FILES) ? (ATTEMPTS[method] ?? method) : `${method} ${route}`;
}

/** The path as the client wrote it: that of a request that was refused before anybody looked for it. */
function pathOf({ route, target }: Exchange): string | undefined {
  if (!isTree(route)) return undefined;
  const path = target.path.slice(route.startsWith(FILES) ? FILES.length : DIRECTORIES.length) || '/';
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

/** What the URL names; the token of a link is as good as a key. */
function detailOf({ route, target }: Exchange): string | null {
  return isTree(route) || route.startsWith(DOWNLOAD) ? null : withoutSecrets(target.path).slice(0, DETAIL_MAX);
}
