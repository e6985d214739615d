import { isStorageKey, CallfsError } from '@callfs/core';
import { PEER_BLOBS, type StorageProvider, type StorageProviders } from '@callfs/storage';
import { eventLines } from '../http/admin/event-lines';
import { writeError } from '../http/error-response';
import type { Exchange } from '../http/exchange';
import type { InternalAnswer } from '../http/front';
import { readBody } from '../http/request-body';
import { parseQuery } from '../http/request-target';
import { answerWithHead, answerWithStream } from '../http/respond';
import type { FsckService } from '../use-cases/upkeep/fsck.service';
import type { PeerGate } from './peer-gate';
import { PEER_FIELDS, type PeerClaims, type PeerSecret } from './peer-signature';
import { unsealed } from './sealed-body';

const PREFIX = '/internal/';
export const PEER_NODE = '/internal/v1/node';
export const PEER_CHECK = '/internal/v1/fsck';

/**
 * What nodes ask of each other: the blobs of this node's own backends, never those of another, and how they are. These are no routes of the
 * API: no key opens them, and without the signature of a peer nothing is told of what there is.
 */
export class InternalRoutes implements InternalAnswer {
  constructor(
    private readonly gate: PeerGate,
    private readonly secret: PeerSecret,
    private readonly providers: StorageProviders,
    private readonly bootId: string,
    private readonly fsck: Pick<FsckService, 'run'>,
  ) {}

  answer(exchange: Exchange): boolean {
    if (!exchange.target.path.startsWith(PREFIX)) return false;
    const { path } = exchange.target;
    exchange.route = [PEER_NODE, PEER_CHECK].find((route) => route === path) ?? `${PEER_BLOBS}/*`;
    this.serve(exchange).catch((error: unknown) => writeError(exchange, error));
    return true;
  }

  private async serve(exchange: Exchange): Promise<void> {
    const { request, target } = exchange;
    const { method = '', url = '' } = request;
    const claims = this.gate.admit(method, url, request.headers);
    exchange.actingFor = decodeURIComponent(claims.user);
    if (target.path === PEER_NODE && method === 'GET') {
      exchange.isRoutine = true;
      return answerWithHead(exchange, 204, { 'X-CallFS-Boot-ID': this.bootId });
    }
    if (target.path === PEER_CHECK) return this.serveCheck(exchange, method);
    const [, backend, key] = /^\/internal\/v1\/blobs\/([a-z0-9]+)(?:\/([0-9a-f]{32}))?$/.exec(target.path) ?? [];
    if (backend === undefined || !this.providers.has(backend)) throw noSuchRoute();
    const provider = this.providers.get(backend);
    if (key === undefined) return this.serveBackend(exchange, method, provider);
    if (!isStorageKey(key)) throw noSuchRoute();
    return this.serveBlob(exchange, method, provider, key, claims);
  }

  /** GET only looks, POST mends. */
  private async serveCheck(exchange: Exchange, method: string): Promise<void> {
    if (method !== 'GET' && method !== 'POST') throw noSuchMethod(method);
    const verifyContent = parseQuery(exchange.target.query).get('verify_content') === 'true';
    const events = this.fsck.run({ repair: method === 'POST', verifyContent, scope: 'node', withoutPaths: true });
    await answerWithStream(exchange, 200, { 'Content-Type': 'application/x-ndjson' }, eventLines(events));
  }

  private async serveBackend(exchange: Exchange, method: string, provider: StorageProvider): Promise<void> {
    if (method !== 'GET') throw noSuchMethod(method);
    if (exchange.target.query !== 'check')
      return answerWithStream(exchange, 200, { 'Content-Type': 'application/x-ndjson' }, listing(provider));
    await provider.check();
    answerWithHead(exchange, 204, {});
  }

  private async serveBlob(
    exchange: Exchange,
    method: string,
    provider: StorageProvider,
    key: string,
    claims: PeerClaims,
  ): Promise<void> {
    switch (method) {
      case 'GET':
        return this.sendBlob(exchange, provider, key);
      case 'PUT': {
        if (claims.body !== 'sealed') throw new CallfsError('INVALID_REQUEST', 'A blob is sent with its seal.');
        const body = unsealed(readBody({ raw: exchange.request }), claims.nonce, this.secret);
        const { size } = await provider.write(key, body, { signal: exchange.signal });
        // The commit is another node's, so what this one does when it starts again must not depend on it: the sweep's grace is
        // what keeps the blob until then.
        await provider.settle?.(key);
        return answerWithHead(exchange, 204, objectSize(size));
      }
      case 'POST':
        await provider.settle?.(key);
        return answerWithHead(exchange, 204, {});
      case 'DELETE':
        await provider.delete(key);
        return answerWithHead(exchange, 204, {});
      default:
        throw noSuchMethod(method);
    }
  }

  private async sendBlob(exchange: Exchange, provider: StorageProvider, key: string): Promise<void> {
    const { size } = await provider.stat(key);
    if (exchange.target.query === 'stat') return answerWithHead(exchange, 204, objectSize(size));
    const query = parseQuery(exchange.target.query);
    const [offset, length] = [Number(query.get('offset') ?? 0), Number(query.get('length') ?? size)];
    if (!Number.isSafeInteger(offset) || !Number.isSafeInteger(length) || offset < 0 || length < 0 || offset + length > size)
      throw new CallfsError('INVALID_REQUEST', 'The range does not lie inside the blob.');
    const range = query.has('length') ? { offset, length } : undefined;
    const body = await provider.read(key, { range, signal: exchange.signal });
    await answerWithStream(exchange, 200, { 'Content-Length': length, ...objectSize(size) }, body);
  }
}

/** The last line is `{}`: a list that was cut short does not have it. */
async function* listing(provider: StorageProvider): AsyncGenerator<Buffer> {
  for await (const object of provider.list()) yield Buffer.from(`${JSON.stringify(object)}\n`);
  yield Buffer.from('{}\n');
}

function objectSize(size: number): Record<string, string> {
  return { [PEER_FIELDS.objectSize]: String(size) };
}

function noSuchRoute(): CallfsError {
  return new CallfsError('ROUTE_NOT_FOUND', 'Nodes have no such route. Do all nodes run the same version?');
}

function noSuchMethod(method: string): CallfsError {
  return new CallfsError('METHOD_NOT_ALLOWED', `Nodes have no ${method} here.`);
}
