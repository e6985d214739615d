import type { OutgoingHttpHeaders } from 'node:http';
import { encodePath, fileTarget, type Answer, type Client, type Entry } from '../support/client';
import type { TestServer } from '../support/server';
import { octal, type Operation, type Outcome, type Run, type Side, type Snapshot } from './operation';
import { CALLERS } from './users';

/** An operation as the request that asks for it. Absolute paths. */
export interface ApiRequest {
  readonly method: string;
  readonly target: string;
  readonly headers: OutgoingHttpHeaders;
  readonly body?: string;
}

/** The server, spoken to with a key for each user. */
export class ServerSide implements Side {
  private readonly clients: ReadonlyMap<string, Client>;

  constructor(server: TestServer) {
    this.clients = new Map(CALLERS.map((name) => [name, server.client(name)]));
  }

  async begin({ root }: Run): Promise<void> {
    await expectSuccess(this.client('root').mkdir(root));
    await expectSuccess(this.client('root').patch(root, { mode: '0777' }));
  }

  async perform(operation: Operation, run: Run): Promise<Outcome> {
    const { method, target, headers, body } = requestFor(operation, run);
    const answer = await this.client(operation.by).request(method, target, { headers, body });
    const said = { status: answer.status, note: answer.status >= 400 ? answer.text.slice(0, 400) : undefined };
    return answer.status < 300 ? { ...said, value: valueOf(operation, answer) } : said;
  }

  async snapshot({ outermost }: Run): Promise<Snapshot> {
    const listing = await this.client('root').list(outermost, { recursive: true, limit: 10_000 });
    await expectSuccess(Promise.resolve(listing));
    return Object.fromEntries((listing.json.items as Entry[]).map((entry) => [relative(entry, outermost), fullLine(entry)]));
  }

  private client(name: string): Client {
    const client = this.clients.get(name);
    if (!client) throw new Error(`No user ${name}.`);
    return client;
  }
}

export function requestFor(operation: Operation, { root }: Run): ApiRequest {
  const path = root + (operation.path === '/' ? '' : operation.path);
  const file = fileTarget(path);
  const request = (method: string, target = file, headers: OutgoingHttpHeaders = {}, body?: string): ApiRequest => ({
    method,
    target,
    headers,
    body,
  });
  const json = (method: string, target: string, value: unknown, type = 'application/json') =>
    request(method, target, { 'content-type': type }, JSON.stringify(value));
  switch (operation.kind) {
    case 'post':
    case 'put': {
      const { mode, body } = operation;
      return request(operation.kind.toUpperCase(), file, mode === undefined ? {} : { 'x-callfs-mode': octal(mode) }, body);
    }
    case 'get':
      return request('GET');
    case 'stat':
      return request('HEAD', operation.follow ? file : `${file}?follow=false`);
    case 'list':
      return request('GET', `/v1/directories${encodePath(path)}?limit=10000${operation.recursive ? '&recursive=true' : ''}`);
    case 'mkdir':
      return operation.mode === undefined
        ? request('POST', `${file}/`, {}, '')
        : json('POST', `${file}/`, { type: 'directory', mode: octal(operation.mode) });
    case 'remove':
      return request('DELETE', operation.recursive ? `${file}?recursive=true` : file);
    case 'rename': {
      const { to, overwrite, createParents } = operation;
      return json('PATCH', file, { destination: root + to, overwrite, create_parents: createParents });
    }
    case 'copy': {
      const target = fileTarget(root + operation.to) + (operation.overwrite ? '?overwrite=true' : '');
      return request('POST', target, { 'x-callfs-copy-source': encodePath(path) }, '');
    }
    case 'copyTree': {
      const headers = { 'x-callfs-copy-source': encodePath(path) };
      return request('POST', `${fileTarget(root + operation.to)}?recursive=true`, headers, '');
    }
    case 'symlink':
      return json('POST', file, { target: operation.target }, 'application/vnd.callfs.symlink+json');
    case 'chmod':
      return json('PATCH', file, { mode: octal(operation.mode) });
    case 'chown': {
      const { uid: owner, gid: group, follow } = operation;
      return json('PATCH', follow ? file : `${file}?follow=false`, { owner, group });
    }
    case 'utimes': {
      const { seconds } = operation;
      const time = seconds === 'now' ? seconds : new Date(seconds * 1000).toISOString();
      return json('PATCH', file, { mtime: time, atime: time });
    }
  }
}

/** What the answer tells, in the words of the kernel's side. */
function valueOf(operation: Operation, answer: Answer): string | undefined {
  switch (operation.kind) {
    case 'get': {
      const isListing = answer.header('x-callfs-type') === 'directory';
      return isListing ? (answer.json as Entry[]).map((entry) => `${entry.name} ${briefLine(entry)}`).join('\n') : answer.text;
    }
    case 'stat': {
      const field = (name: string) => answer.header(`x-callfs-${name}`);
      const fields = ['type', 'mode', 'uid', 'gid', 'size'].map(field);
      return fields.join(' ');
    }
    case 'list': {
      const { items, path, skipped = 0 } = answer.json as { items: Entry[]; path: string; skipped?: number };
      const lines = items.map((entry) => `${relative(entry, path).slice(1)} ${briefLine(entry)}`);
      return [...lines, `skipped ${skipped}`].join('\n');
    }
    case 'utimes':
      return operation.seconds === 'now' ? undefined : String(Date.parse((answer.json as Entry).mtime) / 1000);
    default:
      return undefined;
  }
}

function relative({ path }: Entry, directory: string): string {
  return path.slice(directory.length);
}

function briefLine({ type, mode, uid, gid, size }: Entry): string {
  return [type, mode, uid, gid, size].join(' ');
}

function fullLine(entry: Entry): string {
  return `${briefLine(entry)} ${entry.nlink}${entry.target === undefined ? '' : ` -> ${entry.target}`}`;
}

async function expectSuccess(answer: Promise<Answer>): Promise<void> {
  const { status, outcome, text } = await answer;
  if (status >= 300) throw new Error(`The server refused what the test needs: ${outcome} ${text.slice(0, 300)}`);
}
