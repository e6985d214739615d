import type { IncomingMessage } from 'node:http';
import { Exchanges } from './client/exchange';
import type { ConfigOption } from './config-option';
import { CommandFailure, EXIT } from './exit-codes';
import { findServer, refusedKey, type ServerAddress } from './server-address';

type Query = Readonly<Record<string, string | number | boolean | undefined>>;

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
  private readonly exchanges: Exchanges;

  constructor(server: ServerAddress) {
    this.exchanges = new Exchanges(server);
  }

  /** Of the server that the options and the environment name; see `findServer`. */
  static for(options: ConfigOption): AdminClient {
    return new AdminClient(findServer(options, process.env, process.cwd()));
  }

  get url(): string {
    return this.exchanges.url;
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

  /** What a long piece of work tells, line by line as it comes. `query` stands in the address, whatever the method. */
  async *events<T>(method: 'GET' | 'POST', path: string, query: Query = {}): AsyncGenerator<T> {
    const answer = await this.exchanges.send({ method, target: withQuery(path, query), headers: {} });
    const status = answer.statusCode ?? 0;
    if (status !== 200) throw this.refusal(status, this.read(status, await this.whole(answer)) ?? {});
    let rest = '';
    for await (const chunk of this.chunks(answer)) {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) yield this.read(status, line) as T;
    }
  }

  private async send<T>(method: string, target: string, body?: unknown): Promise<T> {
    const { status, text } = await this.exchange(method, target, body === undefined ? undefined : JSON.stringify(body));
    const answer = text === '' ? undefined : this.read(status, text);
    if (status >= 200 && status < 300) return answer as T;
    throw this.refusal(status, answer ?? {});
  }

  private async exchange(method: string, target: string, body: string | undefined): Promise<{ status: number; text: string }> {
    const answer = await this.exchanges.send({
      method,
      target,
      headers: { accept: 'application/json', ...(body !== undefined && { 'content-type': 'application/json' }) },
      body: body === undefined ? undefined : Buffer.from(body),
    });
    return { status: answer.statusCode ?? 0, text: await this.whole(answer) };
  }

  private async whole(answer: IncomingMessage): Promise<string> {
    let whole = '';
    for await (const chunk of this.chunks(answer)) whole += chunk;
    return whole;
  }

  private async *chunks(answer: IncomingMessage): AsyncGenerator<string> {
    try {
      for await (const chunk of answer.setEncoding('utf8')) yield chunk as string;
    } catch (cause) {
      throw new CommandFailure(`the answer of ${this.url} broke off. Try again.`, EXIT.unreachable, { cause });
    }
  }

  private read(status: number, text: string): object {
    try {
      return JSON.parse(text) as object;
    } catch (cause) {
      throw new CommandFailure(`${this.url} answers ${status}, but not as CallFS does. Is CALLFS_URL right?`, EXIT.failed, {
        cause,
      });
    }
  }

  private refusal(status: number, { code, message, request_id }: Refusal): CommandFailure {
    if (code === 'AUTHENTICATION_FAILED') return new CommandFailure(`${code}: ${refusedKey(this.url)}`, EXIT.failed);
    const exitCode = status === 502 || status === 503 ? EXIT.unreachable : EXIT.failed;
    const named = request_id === undefined ? '' : ` (request ${request_id})`;
    return new CommandFailure(`${code ?? `status ${status}`}: ${message ?? 'no reason given.'}${named}`, exitCode);
  }
}

function withQuery(path: string, query: Query): string {
  const given = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) given.set(name, String(value));
  return given.size === 0 ? path : `${path}?${given.toString()}`;
}
