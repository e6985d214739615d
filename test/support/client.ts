import { Agent, request, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http';
import { request as secureRequest } from 'node:https';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

export type Body = string | Buffer | Readable;

/** A whole response. */
export class Answer {
  constructor(
    readonly status: number,
    readonly headers: IncomingHttpHeaders,
    readonly body: Buffer,
  ) {}

  get text(): string {
    return this.body.toString('utf8');
  }

  /** The body read as JSON; throws, quoting it, when it is none. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- what an answer holds is for each test to say
  get json(): any {
    try {
      return JSON.parse(this.text);
    } catch (cause) {
      throw new Error(`Not JSON (status ${this.status}): ${this.text.slice(0, 200)}`, { cause });
    }
  }

  /** Status and error code in one value, so that a failing comparison shows both. */
  get outcome(): string {
    const json = this.headers['content-type']?.startsWith('application/json') && this.status >= 400 && this.body.length > 0;
    return json ? `${this.status} ${String(this.json.code)}` : `${this.status}`;
  }

  header(name: string): string | undefined {
    const value = this.headers[name.toLowerCase()];
    return Array.isArray(value) ? value.join(', ') : value;
  }
}

/** One entry of a listing. */
export interface Entry {
  readonly name: string;
  readonly path: string;
  readonly type: 'file' | 'directory' | 'symlink';
  readonly size: number;
  readonly mode: string;
  readonly uid: number;
  readonly gid: number;
  readonly owner: string;
  readonly group: string;
  readonly mtime: string;
  readonly atime: string;
  readonly ctime: string;
  readonly etag?: string;
  readonly nlink: number;
  readonly target?: string;
}

/** The entries of a listing, in its order. */
export function entries(listing: Answer): Entry[] {
  if (listing.status !== 200) throw new Error(`No listing: ${listing.outcome} ${listing.text.slice(0, 200)}`);
  return listing.json.items as Entry[];
}

export const names = (listing: Answer): string[] => entries(listing).map(({ name }) => name);
export const paths = (listing: Answer): string[] => entries(listing).map(({ path }) => path);

export interface RequestOptions {
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: Body;
  readonly signal?: AbortSignal;
  /** The address to call from: any in 127.0.0.0/8 is ours, so a test can be another client. */
  readonly localAddress?: string;
}

/** Talks to one server with one key. Paths of files are plain text; `request` sends its target as it is. */
export class Client {
  /** A connection that nobody needs is given up before the server does it (80 s), which may be in the moment of a request. */
  private readonly agent = new Agent({ keepAlive: true, maxSockets: 64, timeout: 60_000 });

  constructor(
    private readonly url: () => string,
    readonly key?: string,
  ) {}

  async request(method: string, target: string, options: RequestOptions = {}): Promise<Answer> {
    const { protocol, hostname, port } = new URL(this.url());
    const headers: OutgoingHttpHeaders = { ...options.headers };
    if (this.key !== undefined && !Object.keys(headers).some((name) => name.toLowerCase() === 'authorization'))
      headers['authorization'] = `Bearer ${this.key}`;
    const { body, signal, localAddress } = options;
    if (typeof body === 'string' || Buffer.isBuffer(body)) headers['content-length'] ??= Buffer.byteLength(body);

    return new Promise<Answer>((resolve, reject) => {
      const isSecure = protocol === 'https:';
      // One address, one agent: an agent would hand out a connection that comes from another.
      const agent = localAddress === undefined && !isSecure ? this.agent : false;
      const line = { hostname, port, agent, signal, localAddress, rejectUnauthorized: false };
      const outgoing = (isSecure ? secureRequest : request)({ ...line, method, path: target, headers }, (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
        incoming.once('error', reject);
        incoming.once('end', () => resolve(new Answer(incoming.statusCode ?? 0, incoming.headers, Buffer.concat(chunks))));
      });
      outgoing.once('error', reject);
      if (body instanceof Readable) pipeline(body, outgoing).catch(reject);
      else outgoing.end(body);
    });
  }

  get(path: string, headers?: OutgoingHttpHeaders): Promise<Answer> {
    return this.request('GET', fileTarget(path), { headers });
  }

  head(path: string, headers?: OutgoingHttpHeaders): Promise<Answer> {
    return this.request('HEAD', fileTarget(path), { headers });
  }

  put(path: string, body: Body, headers?: OutgoingHttpHeaders): Promise<Answer> {
    return this.request('PUT', fileTarget(path), { headers, body });
  }

  post(path: string, body: Body = '', headers?: OutgoingHttpHeaders): Promise<Answer> {
    return this.request('POST', fileTarget(path), { headers, body });
  }

  /** Creates a directory; `mode` as `"0750"`. */
  mkdir(path: string, mode?: string): Promise<Answer> {
    const target = path.endsWith('/') ? path : `${path}/`;
    return mode === undefined ? this.post(target) : this.json('POST', target, { type: 'directory', mode });
  }

  symlink(path: string, target: string): Promise<Answer> {
    const headers = { 'content-type': 'application/vnd.callfs.symlink+json' };
    return this.post(path, JSON.stringify({ target }), headers);
  }

  copy(source: string, destination: string, options: { query?: string; headers?: OutgoingHttpHeaders } = {}): Promise<Answer> {
    const headers = { ...options.headers, 'x-callfs-copy-source': encodePath(source) };
    return this.request('POST', fileTarget(destination) + (options.query ?? ''), { headers, body: '' });
  }

  patch(path: string, change: unknown, headers?: OutgoingHttpHeaders): Promise<Answer> {
    return this.json('PATCH', path, change, headers);
  }

  move(path: string, destination: string, options: Record<string, unknown> = {}): Promise<Answer> {
    return this.patch(path, { destination, ...options });
  }

  delete(path: string, options: { recursive?: boolean; headers?: OutgoingHttpHeaders } = {}): Promise<Answer> {
    return this.request('DELETE', fileTarget(path) + (options.recursive ? '?recursive=true' : ''), { headers: options.headers });
  }

  /** `GET /v1/directories/{path}`. */
  list(path: string, query: Record<string, string | number | boolean> = {}, headers?: OutgoingHttpHeaders): Promise<Answer> {
    const search = new URLSearchParams(Object.entries(query).map(([key, value]): [string, string] => [key, String(value)]));
    return this.request('GET', `/v1/directories${encodePath(path)}${search.size > 0 ? `?${search.toString()}` : ''}`, {
      headers,
    });
  }

  /** A file operation's route with a JSON body. */
  json(method: string, path: string, value: unknown, headers?: OutgoingHttpHeaders): Promise<Answer> {
    return this.request(method, fileTarget(path), {
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(value),
    });
  }

  /** Any other route with a JSON body. */
  postJson(target: string, value: unknown): Promise<Answer> {
    return this.request('POST', target, { headers: { 'content-type': 'application/json' }, body: JSON.stringify(value) });
  }
}

/** `/a b/c` as it stands in a URL; slashes are kept. */
export function encodePath(path: string): string {
  return path.split('/').map(encodeURIComponent).join('/');
}

export function fileTarget(path: string): string {
  return `/v1/files${encodePath(path)}`;
}
