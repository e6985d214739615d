import { request as requestHttp, type IncomingMessage, type RequestOptions } from 'node:http';
import { request as requestHttps } from 'node:https';
import type { ConfigOption } from './config-option';
import { CommandFailure, EXIT } from './exit-codes';
import { findServer, type ServerAddress } from './server-address';

type Query = Readonly<Record<string, string | number | boolean | undefined>>;

/** Silence for this long is as good as no server. */
const IDLE_MS = 60_000;
const CONNECT_MS = 5_000;

/** What the server says of a request that it does not answer with success. */
interface Refusal {
  readonly code?: string;
  readonly message?: string;
  readonly request_id?: string;
}

/**
 * How commands talk to a running server: JSON there and back. What the server refuses fails the command with its words;
 * a server that cannot be reached, or that cannot reach what it needs (502, 503), ends it with 4.
 */
export class AdminClient {
  constructor(private readonly server: ServerAddress) {}

  /** Of the server that the options and the environment name; see `findServer`. */
  static for(options: ConfigOption): AdminClient {
    return new AdminClient(findServer(options, process.env, process.cwd()));
  }

  get url(): string {
    return this.server.url;
  }

  /** `path` as the API has it, `/v1/admin/…`; what is undefined in the query is left out. */
  get<T>(path: string, query: Query = {}): Promise<T> {
    return this.send<T>('GET', withQuery(path, query));
  }

  post<T>(path: string, body: unknown = {}): Promise<T> {
    return this.send<T>('POST', path, body);
  }

  patch<T>(path: string, body: unknown): Promise<T> {
    return this.send<T>('PATCH', path, body);
  }

  delete<T>(path: string, query: Query = {}): Promise<T> {
    return this.send<T>('DELETE', withQuery(path, query));
  }

  private async send<T>(method: string, target: string, body?: unknown): Promise<T> {
    const { status, text } = await this.exchange(method, target, body === undefined ? undefined : JSON.stringify(body));
    const answer = text === '' ? undefined : this.read(status, text);
    if (status >= 200 && status < 300) return answer as T;
    throw this.refusal(status, answer ?? {});
  }

  private exchange(method: string, target: string, body: string | undefined): Promise<{ status: number; text: string }> {
    const { url, apiKey, certificate } = this.server;
    const options: RequestOptions = {
      method,
      headers: {
        authorization: `Bearer ${apiKey}`,
        accept: 'application/json',
        ...(body !== undefined && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
      },
    };
    // The certificate is the very one that the server has been given: neither its issuer nor its names matter.
    const trust =
      certificate === undefined ? {} : { ca: certificate, allowPartialTrustChain: true, checkServerIdentity: () => undefined };
    return new Promise((resolve, reject) => {
      const fail = (error: Error) => reject(this.unreachable(error));
      const take = (answer: IncomingMessage) => {
        clearTimeout(connecting);
        answer.once('error', fail);
        const chunks: Buffer[] = [];
        answer.on('data', (chunk: Buffer) => chunks.push(chunk));
        answer.once('end', () => resolve({ status: answer.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') }));
      };
      const outgoing = url.startsWith('https:')
        ? requestHttps(url + target, { ...options, ...trust }, take)
        : requestHttp(url + target, options, take);
      const connecting = setTimeout(() => outgoing.destroy(new Error(`no connection within ${CONNECT_MS / 1000} s`)), CONNECT_MS);
      outgoing.once('socket', (socket) => {
        if (!socket.connecting) clearTimeout(connecting);
        socket.once(url.startsWith('https:') ? 'secureConnect' : 'connect', () => clearTimeout(connecting));
      });
      outgoing.setTimeout(IDLE_MS, () => outgoing.destroy(new Error(`no answer within ${IDLE_MS / 1000} s`)));
      outgoing.once('error', fail);
      outgoing.once('close', () => clearTimeout(connecting));
      outgoing.end(body);
    });
  }

  private read(status: number, text: string): unknown {
    try {
      return JSON.parse(text);
    } catch (cause) {
      throw new CommandFailure(`${this.url} answers ${status}, but not as CallFS does. Is CALLFS_URL right?`, EXIT.failed, {
        cause,
      });
    }
  }

  private refusal(status: number, { code, message, request_id }: Refusal): CommandFailure {
    const exitCode = status === 502 || status === 503 ? EXIT.unreachable : EXIT.failed;
    const named = request_id === undefined ? '' : ` (request ${request_id})`;
    return new CommandFailure(`${code ?? `status ${status}`}: ${message ?? 'no reason given.'}${named}`, exitCode);
  }

  private unreachable(error: Error): CommandFailure {
    const { code } = error as NodeJS.ErrnoException;
    const hint = isCertificateCode(code) ? ' Trust its certificate with NODE_EXTRA_CA_CERTS=FILE.' : ' Is the server running?';
    const why = error.message.replace(/\.$/, '') || code;
    return new CommandFailure(`cannot reach ${this.url}: ${why}.${hint}`, EXIT.unreachable, { cause: error });
  }
}

function isCertificateCode(code: string | undefined): boolean {
  return code !== undefined && /CERT|SIGNATURE|ALTNAME|ERR_TLS/.test(code);
}

function withQuery(path: string, query: Query): string {
  const given = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) given.set(name, String(value));
  return given.size === 0 ? path : `${path}?${given.toString()}`;
}
