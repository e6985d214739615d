import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import type { VirtualPath } from '@callfs/core';
import type { ConfigOption } from '../config-option';
import { CommandFailure, EXIT } from '../exit-codes';
import { findServer } from '../server-address';
import { Exchanges, type OutgoingRequest } from './exchange';
import { isMissing, ServerRefusal } from './server-refusal';

/** An entry as the API shows it. */
export interface RemoteEntry {
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
  readonly target?: string;
}

/** What GET and HEAD say of a path. */
export interface RemoteStat extends Omit<RemoteEntry, 'name'> {
  readonly etag?: string;
  readonly contentType?: string;
  readonly instance: string;
  readonly backend: string;
}

export interface Attributes {
  readonly mode?: string;
  readonly owner?: string | number;
  readonly group?: string | number;
  readonly mtime?: string;
}

export interface UploadOptions {
  /** Absent: sent in chunks. */
  readonly size?: number;
  readonly mode?: string;
  readonly mtime?: string;
  /** Fails when something is there already. */
  readonly create?: boolean;
}

/** A file's bytes on their way, and what the server says that they are. */
export interface Download {
  readonly stream: Readable;
  readonly size: number;
  readonly etag?: string;
  /** Base64 of the SHA-256 of the whole file, when the server tells. */
  readonly sha256?: string;
}

interface Page {
  readonly items: readonly RemoteEntry[];
  readonly next_cursor?: string;
}

const PAGE_ENTRIES = 2000;

/** The files of a running server, over the public API. What the server refuses is thrown as a `ServerRefusal`. */
export class FileClient {
  private readonly exchanges: Exchanges;

  constructor(exchanges: Exchanges) {
    this.exchanges = exchanges;
  }

  /** Of the server that the options and the environment name; see `findServer`. */
  static for(options: ConfigOption): FileClient {
    return new FileClient(new Exchanges(findServer(options, process.env, process.cwd())));
  }

  close(): void {
    this.exchanges.close();
  }

  async stat(path: VirtualPath, { follow = true } = {}): Promise<RemoteStat> {
    const answer = await this.exchanges.send({ method: 'HEAD', target: `${fileTarget(path)}${follow ? '' : '?follow=false'}` });
    answer.resume();
    // A refused HEAD has no body to say why; the same GET does.
    if (answer.statusCode !== 200) return this.refuse(path, follow);
    const header = (name: string) => String(answer.headers[name] ?? '');
    const type = header('x-callfs-type') as RemoteStat['type'];
    if (type !== 'file' && type !== 'directory' && type !== 'symlink') throw this.stranger(answer);
    return {
      path: path.toString(),
      type,
      size: Number(header('x-callfs-size')),
      mode: header('x-callfs-mode'),
      uid: Number(header('x-callfs-uid')),
      gid: Number(header('x-callfs-gid')),
      owner: headerText(header('x-callfs-owner')),
      group: headerText(header('x-callfs-group')),
      mtime: header('x-callfs-mtime'),
      etag: answer.headers.etag,
      contentType: type === 'file' ? answer.headers['content-type'] : undefined,
      instance: headerText(header('x-callfs-instance-id')),
      backend: header('x-callfs-backend-type'),
      ...(type === 'symlink' && { target: await this.target(path) }),
    };
  }

  /** As `stat`; undefined when nothing is there. */
  async find(path: VirtualPath, options: { follow?: boolean } = {}): Promise<RemoteStat | undefined> {
    try {
      return await this.stat(path, options);
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  /**
   * The entries of a directory, or of the whole tree below it with parents first. They are asked for page by page: whoever
   * takes them may need hours for some, and a server waits for nobody who has stopped taking an answer.
   */
  async *list(path: VirtualPath, { recursive = false } = {}): AsyncGenerator<RemoteEntry> {
    let cursor: string | undefined;
    do {
      const page = await this.page(path, recursive, cursor);
      yield* page.items;
      cursor = page.next_cursor;
    } while (cursor !== undefined);
  }

  private async page(path: VirtualPath, recursive: boolean, cursor: string | undefined): Promise<Page> {
    const query = new URLSearchParams({
      limit: String(PAGE_ENTRIES),
      ...(recursive && { recursive: 'true', max_depth: '1000' }),
      ...(cursor !== undefined && { cursor }),
    });
    const answer = await this.expectSuccess({ method: 'GET', target: `/v1/directories${path.toUrl()}?${query.toString()}` });
    const body = await text(answer).catch((error: unknown) => {
      throw brokeOff(path, error);
    });
    return JSON.parse(body) as Page;
  }

  /** With `rest` what begins there, of the file that has this tag and no other. */
  async download(path: VirtualPath, rest?: { readonly from: number; readonly etag: string }): Promise<Download> {
    const headers = rest && { range: `bytes=${rest.from}-`, 'if-match': rest.etag };
    const answer = await this.expectSuccess({ method: 'GET', target: fileTarget(path), headers });
    if (rest !== undefined && answer.statusCode !== 206) {
      answer.destroy();
      throw brokeOff(path);
    }
    if (answer.headers['x-callfs-type'] !== 'file') {
      answer.destroy();
      throw new CommandFailure(`${path.toString()} is a directory.`, EXIT.failed);
    }
    const [, sha256] = /sha-256=:([^:]*):/.exec(String(answer.headers['repr-digest'] ?? '')) ?? [];
    return { stream: answer, size: Number(answer.headers['content-length']), etag: answer.headers.etag, sha256 };
  }

  async upload(path: VirtualPath, stream: Readable, { size, mode, mtime, create }: UploadOptions): Promise<void> {
    await this.finish({
      method: create ? 'POST' : 'PUT',
      target: fileTarget(path),
      headers: {
        'content-type': 'application/octet-stream',
        ...(mode !== undefined && { 'x-callfs-mode': mode }),
        ...(mtime !== undefined && { 'x-callfs-mtime': mtime }),
      },
      body: { stream, size },
    });
  }

  /** Resolves to whether it was made; those above it are made as well. */
  async makeDirectory(path: VirtualPath, mode?: string): Promise<boolean> {
    const body = Buffer.from(JSON.stringify({ type: 'directory', mode }));
    const answer = await this.expectSuccess({
      method: 'POST',
      target: fileTarget(path).replace(/\/?$/, '/'),
      headers: { 'content-type': 'application/json' },
      body,
    });
    await drain(answer);
    return answer.statusCode === 201;
  }

  async makeSymlink(path: VirtualPath, target: string): Promise<void> {
    await this.finish({
      method: 'POST',
      target: fileTarget(path),
      headers: { 'content-type': 'application/vnd.callfs.symlink+json' },
      body: Buffer.from(JSON.stringify({ target })),
    });
  }

  /** Of what stands at the path itself when `follow` is false, which only links care about. */
  async change(path: VirtualPath, attributes: Attributes, { follow = true } = {}): Promise<void> {
    await this.patch(`${fileTarget(path)}${follow ? '' : '?follow=false'}`, attributes);
  }

  async move(from: VirtualPath, to: VirtualPath, { overwrite = false } = {}): Promise<void> {
    await this.patch(fileTarget(from), { destination: to.toString(), overwrite });
  }

  async copy(from: VirtualPath, to: VirtualPath, { recursive = false, overwrite = false } = {}): Promise<void> {
    const target = `${fileTarget(to)}?recursive=${recursive}&overwrite=${overwrite}`;
    await this.finish({ method: 'POST', target, headers: { 'x-callfs-copy-source': from.toUrl() } });
  }

  async remove(path: VirtualPath, { recursive = false } = {}): Promise<void> {
    await this.finish({ method: 'DELETE', target: `${fileTarget(path)}${recursive ? '?recursive=true' : ''}` });
  }

  private async target(path: VirtualPath): Promise<string> {
    const answer = await this.expectSuccess({ method: 'GET', target: `${fileTarget(path)}?follow=false` });
    return (JSON.parse(await text(answer)) as { target: string }).target;
  }

  private async refuse(path: VirtualPath, follow: boolean): Promise<never> {
    const answer = await this.expectSuccess({ method: 'GET', target: `${fileTarget(path)}${follow ? '' : '?follow=false'}` });
    answer.destroy();
    throw new CommandFailure(`${path.toString()} changed while it was looked at. Try again.`, EXIT.failed);
  }

  private patch(target: string, body: unknown): Promise<void> {
    const headers = { 'content-type': 'application/json' };
    return this.finish({ method: 'PATCH', target, headers, body: Buffer.from(JSON.stringify(body)) });
  }

  private async finish(request: OutgoingRequest): Promise<void> {
    await drain(await this.expectSuccess(request));
  }

  private async expectSuccess(request: OutgoingRequest): Promise<IncomingMessage> {
    const answer = await this.exchanges.send(request);
    const status = answer.statusCode ?? 0;
    if (status >= 200 && status < 300) return answer;
    throw ServerRefusal.of(this.exchanges.url, status, await text(answer));
  }

  private stranger({ statusCode = 0 }: IncomingMessage): ServerRefusal {
    return ServerRefusal.of(this.exchanges.url, statusCode, '');
  }
}

/** `/v1/files/a/b`, with the trailing slash that says "a directory" when the path has one. */
function fileTarget(path: VirtualPath): string {
  return `/v1/files${path.toUrl()}${path.saysDirectory ? '/' : ''}`;
}

/** The server or the way to it went away in the middle of an answer. */
export function brokeOff(path: VirtualPath, cause?: unknown): CommandFailure {
  return new CommandFailure(`the answer for ${path.toString()} broke off. Try again.`, EXIT.unreachable, { cause });
}

/** The connection is free for the next request once the answer is read. */
async function drain(answer: IncomingMessage): Promise<void> {
  for await (const _ of answer);
}

/** A name that a header cannot hold comes as RFC 8187 has it. */
function headerText(value: string): string {
  return value.startsWith("UTF-8''") ? decodeURIComponent(value.slice(7)) : value;
}
