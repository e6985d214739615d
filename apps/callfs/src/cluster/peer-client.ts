import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { CallfsError, patience, type ErrorCode } from '@callfs/core';
import { wrongAnswer, type PeerAnswer, type PeerLink, type PeerRequest } from '@callfs/storage';
import { Pool, type Dispatcher } from 'undici';
import { ERROR_TABLE } from '../http/error-table';
import { PEER_CHECK, PEER_NODE } from './internal-routes';
import { isSame, PEER_FIELDS, SEAL_BYTES, type PeerBodyKind, type PeerSecret } from './peer-signature';
import { PeerBody } from './peer-body';
import { sealed } from './sealed-body';
import { SendingBody } from './sending-body';

export interface PeerClientOptions {
  /** This node. */
  readonly from: string;
  readonly secret: PeerSecret;
  readonly tls: { readonly ca?: string; readonly rejectUnauthorized: boolean };
  /** Told of every request: what it was and how it ended. */
  readonly observe: (operation: string, status: 'ok' | 'refused' | 'error' | 'wrong') => void;
  /** Told whether the peer answers, with every request. */
  readonly heard: (what: { answers: boolean; latencyMs: number; message?: string }) => void;
}

const CONNECT_MS = 1_000;
/** From the request to the head of the answer, connecting included; what has a body waits for the disk as well. */
export const ANSWER_MS = 1_700;
/** A peer that has sent other content within `ANSWER_MS` is busy and not away: it is waited for, but no longer than this. */
const BUSY_MS = 30_000;
const CONNECTIONS = 256;
const REASON_MAX_BYTES = 64 * 1024;

/** Errors that a peer may hand on; what else it answers is its own affair and an error of the peer here. */
const HANDED_ON: readonly ErrorCode[] = [
  'FILE_NOT_FOUND',
  'BACKEND_UNAVAILABLE',
  'INSUFFICIENT_STORAGE',
  'TOO_MANY_HOPS',
  'PEER_UNAVAILABLE',
];

/**
 * Asks one other node. A connection that was open for long may be dead without anybody's fault: what has no body is tried
 * once more on a new one. No redirect is ever followed.
 */
export class PeerClient implements PeerLink {
  private pool: { readonly origin: string; readonly pool: Pool } | undefined;
  /** What the peer's clock is ahead of this node's, as far as the peer has said. */
  private clockAheadMs = 0;
  /** When it last answered something or sent bytes of it; whether it answers at all (`ping`) says nothing of how busy it is. */
  private spokeMs = -Infinity;

  constructor(
    private readonly peer: string,
    /** Where it is now; undefined: nobody knows. */
    private readonly endpoint: () => Promise<string | undefined>,
    private readonly options: PeerClientOptions,
  ) {}

  async send(request: PeerRequest): Promise<PeerAnswer> {
    const { observe, heard } = this.options;
    const operation = operationOf(request);
    const since = performance.now();
    const lost = (error: CallfsError) => {
      observe(operation, 'error');
      heard({ answers: false, latencyMs: performance.now() - since, message: error.message });
    };
    try {
      request.signal?.throwIfAborted();
      // A body can be sent once, so the clocks are compared before.
      if (request.body && this.pool === undefined) await this.attempt({ method: 'GET', target: PEER_NODE }, true);
      const answer = await this.attempt(request, request.body === undefined);
      heard({ answers: true, latencyMs: performance.now() - since });
      const { signal, isTalk = false } = request;
      const spoke = () => void (this.spokeMs = performance.now());
      if (operation !== 'ping') spoke();
      return { ...answer, body: new PeerBody(answer.body, { length: answer.length, signal, isTalk, broken: lost, spoke }) };
    } catch (error) {
      if (CallfsError.is(error, 'PEER_UNAVAILABLE')) lost(error);
      else observe(operation, CallfsError.is(error) ? 'refused' : 'error');
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.pool?.pool.destroy();
  }

  private async attempt(request: PeerRequest, mayRepeat: boolean): Promise<Answered> {
    try {
      const answer = await this.exchange(request);
      this.options.observe(operationOf(request), 'ok');
      return answer;
    } catch (error) {
      if (!mayRepeat || !(error instanceof TryAgain)) throw error instanceof TryAgain ? error.reason : error;
      return this.attempt(request, false);
    }
  }

  private async exchange(request: PeerRequest): Promise<Answered> {
    const { body, signal } = request;
    const kind: PeerBodyKind = body ? 'sealed' : 'none';
    const nonce = randomBytes(16).toString('hex');
    const pool = await this.connections();
    const stop = new AbortController();
    const abort = () => stop.abort(signal?.reason);
    signal?.addEventListener('abort', abort, { once: true });
    let endWait = (): void => undefined;
    const since = performance.now();
    const within = (ms: number) => {
      endWait();
      endWait = patience(ms, () => {
        const now = performance.now();
        const patienceMs = this.spokeMs + ANSWER_MS - now;
        if (patienceMs > 0 && now - since < BUSY_MS) within(patienceMs);
        else stop.abort(tooSlow(Math.round(now - since)));
      });
    };
    within(ANSWER_MS);
    const sending = body && new SendingBody(body, { size: request.size, signal: stop.signal, within });
    const { secret } = this.options;
    let answer: Dispatcher.ResponseData;
    try {
      answer = await pool.request({
        method: request.method,
        path: request.target,
        headers: this.headers(request, nonce, kind),
        body: sending ? Readable.from(sealed(sending, nonce, secret), { objectMode: false, highWaterMark: 1 }) : null,
        signal: stop.signal,
        headersTimeout: 0,
        bodyTimeout: 0,
      });
    } catch (error) {
      signal?.removeEventListener('abort', abort);
      signal?.throwIfAborted();
      if (sending?.failed) throw sending.failed.error as Error;
      throw this.failure(error);
    } finally {
      endWait();
    }
    const { statusCode, headers } = answer;
    answer.body.once('close', () => signal?.removeEventListener('abort', abort));
    if (statusCode === 200 || statusCode === 204) {
      const objectSize = numeric(headers[PEER_FIELDS.objectSize]);
      return { length: numeric(headers['content-length']), objectSize, body: answer.body };
    }
    throw await this.refusal(answer, nonce);
  }

  private headers(request: PeerRequest, nonce: string, body: PeerBodyKind): Record<string, string> {
    const { secret, from } = this.options;
    const { method, target, actingFor, size } = request;
    const claims = {
      method,
      target,
      from,
      to: this.peer,
      timeMs: Date.now() + this.clockAheadMs,
      nonce,
      hops: 1,
      user: encodeURIComponent(actingFor?.user ?? ''),
      requestId: actingFor?.requestId ?? '',
      body,
    };
    return {
      [PEER_FIELDS.from]: from,
      [PEER_FIELDS.to]: claims.to,
      [PEER_FIELDS.time]: String(claims.timeMs),
      [PEER_FIELDS.nonce]: nonce,
      [PEER_FIELDS.hops]: String(claims.hops),
      [PEER_FIELDS.user]: claims.user,
      [PEER_FIELDS.request]: claims.requestId,
      [PEER_FIELDS.body]: body,
      [PEER_FIELDS.signature]: secret.signatureOf(claims),
      ...(body === 'sealed' && size !== undefined ? { 'content-length': String(size + SEAL_BYTES) } : {}),
    };
  }

  private async connections(): Promise<Pool> {
    const origin = await this.endpoint();
    if (origin === undefined) {
      const message = `Nobody knows where ${this.peer} is: it is not registered, and peer_endpoints does not name it.`;
      throw new CallfsError('PEER_UNAVAILABLE', message);
    }
    if (this.pool?.origin !== origin) {
      void this.pool?.pool.close();
      const connect = { timeout: CONNECT_MS, ...this.options.tls };
      this.pool = { origin, pool: new Pool(origin, { connections: CONNECTIONS, connect, keepAliveTimeout: 20_000 }) };
    }
    return this.pool.pool;
  }

  /** Reads the peer's reason, and learns its time where that is it. */
  private async refusal({ statusCode, body }: Dispatcher.ResponseData, nonce: string): Promise<Error> {
    const said = await reasonIn(body).catch(() => undefined);
    const clock = said?.clock;
    if (statusCode === 401 && clock && isSame(clock.proof, this.options.secret.clockProof(nonce, clock.time_ms))) {
      this.clockAheadMs = clock.time_ms - Date.now();
      return new TryAgain(this.unavailable('has another time than this node', statusCode));
    }
    const code = HANDED_ON.find((known) => known === said?.code && ERROR_TABLE[known].status === statusCode);
    if (code && said?.message) return new CallfsError(code, said.message, { cause: new Error(`as ${this.peer} says`) });
    return this.unavailable(`answers ${statusCode}`, statusCode);
  }

  private failure(error: unknown): Error {
    const reason = new CallfsError('PEER_UNAVAILABLE', `The node ${this.peer} does not answer. Try again when it is back.`, {
      cause: error,
      details: { instance_id: this.peer },
    });
    const { code = '' } = error as { code?: string };
    return ['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE'].includes(code) ? new TryAgain(reason) : reason;
  }

  private unavailable(what: string, status: number): CallfsError {
    const hint = status === 401 ? ' Do both have the same auth.internal_proxy_secret?' : '';
    return new CallfsError('PEER_UNAVAILABLE', `The node ${this.peer} refuses to serve this one.${hint}`, {
      cause: wrongAnswer(what),
      details: { instance_id: this.peer },
    });
  }
}

interface Refusal {
  readonly code?: string;
  readonly message?: string;
  readonly clock?: { readonly time_ms: number; readonly proof: string };
}

interface Answered {
  readonly length: number | undefined;
  readonly objectSize: number | undefined;
  readonly body: Dispatcher.ResponseData['body'];
}

const OPERATIONS = { GET: 'read', PUT: 'write', POST: 'settle', DELETE: 'delete' } as const;

function operationOf({ method, target }: PeerRequest): string {
  if (target === PEER_NODE) return 'ping';
  return target.startsWith(PEER_CHECK) ? 'check' : OPERATIONS[method];
}

/** It may go better on another connection, or with the right time. */
class TryAgain extends Error {
  constructor(readonly reason: CallfsError) {
    super(reason.message);
  }
}

function tooSlow(ms: number): Error {
  return new Error(`no answer within ${ms} ms`);
}

/** An answer that is an error is short; what is longer is none of ours. */
async function reasonIn(body: AsyncIterable<Buffer>): Promise<Refusal | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of body) {
    chunks.push(chunk);
    if ((length += chunk.length) > REASON_MAX_BYTES) return undefined;
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8')) as Refusal;
  } catch {
    return undefined;
  }
}

function numeric(value: string | string[] | undefined): number | undefined {
  return typeof value === 'string' && /^[0-9]{1,16}$/.test(value) ? Number(value) : undefined;
}
