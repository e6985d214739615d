import { setTimeout as delay } from 'node:timers/promises';
import { Client, type Answer } from '../support/client';
import type { HistoryEntry, RegisterOperation, RegisterState } from './linearizable';

export interface WorkloadOptions {
  /** The nodes; each client keeps to no one. */
  readonly urls: readonly (() => string)[];
  readonly key: string;
  readonly names: readonly string[];
  readonly clients: number;
  /** A number from 0 up to `below`, from the seed of the run. */
  readonly random: (below: number) => number;
  /** Bytes of a value; small ones are kept with the metadata, large ones as blobs. */
  readonly sizes: readonly number[];
}

/** How long a client waits that was refused, and one that found nobody: a node that starts needs the processor more. */
const REFUSED_MS = 20;
const AWAY_MS = 150;

/** A value as it stands in a file: its name, and bytes that only that name leads to. */
export function valueBytes(value: string, size: number): Buffer {
  const line = Buffer.from(`${value}\n`);
  const bytes = Buffer.alloc(Math.max(size, line.length), line);
  return bytes;
}

/** The name of the value that `bytes` are, whole; throws when they are a mix or a part. */
export function valueOf(bytes: Buffer): string {
  const name = bytes.subarray(0, bytes.indexOf(10)).toString();
  const expected = valueBytes(name, bytes.length);
  if (!expected.equals(bytes))
    throw new Error(
      `The bytes of "${name}" (${bytes.length}) are not those that were written: ${bytes.toString('latin1', 0, 80)}…`,
    );
  return name;
}

/**
 * Clients that read, write, replace by condition, create, rename and remove the same few files through any node, for as long as they are let.
 * What each did and saw is kept by file; an answer that says nothing of the outcome (none, or a 5xx) leaves it open.
 *
 * A rename is two operations at the same time: its value leaves one file and is written to another. A value comes to a file
 * once only, so that whoever sees it there knows by which operation.
 */
export class Workload {
  /** By file. */
  readonly histories = new Map<string, HistoryEntry[]>();
  /** Answers by kind and status, to see that a run was worth something. */
  readonly outcomes = new Map<string, number>();
  private stopped = false;
  private values = 0;
  private definite = 0;
  private watchers: { readonly at: number; readonly resolve: () => void }[] = [];
  /** The tag of each value that some client has seen with it. */
  private readonly tags = new Map<string, string>();
  /** Which values have come to which files, or may have. */
  private readonly written = new Set<string>();
  private readonly running: Promise<void>[] = [];

  constructor(private readonly options: WorkloadOptions) {
    for (const name of options.names) this.histories.set(name, []);
  }

  start(): void {
    for (let i = 0; i < this.options.clients; i++) this.running.push(this.client(`client ${i}`));
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await Promise.all(this.running);
  }

  /** Resolves when so many more operations have had a definite outcome. */
  progress(operations: number): Promise<void> {
    return new Promise((resolve) => this.watchers.push({ at: this.definite + operations, resolve }));
  }

  /** One more read through each node, by a client that does nothing else: now everything has to be there. */
  async readOnce(file: string): Promise<void> {
    for (const url of this.options.urls) {
      const http = new Client(url, this.options.key);
      for (let known = false; !known;) {
        const calledAt = performance.now();
        const answer = await http.get(file);
        const read = this.judged({ kind: 'read', saw: null }, answer, 0);
        known = read.known;
        if (known) this.record(file, read.operation, calledAt, performance.now(), 'last reader');
        // A node that has just come back is known to the others in a moment.
        else await delay(100);
      }
    }
  }

  /** Changes whose outcome nobody knows: they were under way when something broke. */
  get unknown(): number {
    const entries = [...this.histories.values()].flat();
    return entries.filter(({ operation, returnedAt }) => returnedAt === Infinity && operation.kind !== 'read').length;
  }

  summary(): string {
    return [...this.outcomes]
      .map(([what, times]) => `${what}: ${times}`)
      .sort()
      .join(', ');
  }

  private async client(name: string): Promise<void> {
    /** What this client saw last in each file: what its conditions build on. */
    const seen = new Map<string, RegisterState>();
    while (!this.stopped) await this.step(name, seen);
  }

  private async step(client: string, seen: Map<string, RegisterState>): Promise<void> {
    const { random, names, urls, key, sizes } = this.options;
    const file = names[random(names.length)] as string;
    const http = new Client(urls[random(urls.length)] as () => string, key);
    const known = seen.get(file);
    const kind = random(11);
    if (kind === 10) {
      const destination = names[random(names.length)] as string;
      if (
        typeof known === 'string' &&
        this.tags.has(known) &&
        destination !== file &&
        !this.written.has(`${destination} ${known}`)
      )
        return this.rename(client, http, file, destination, known, seen);
    }
    const value = `v${++this.values}`;
    const bytes = valueBytes(value, sizes[random(sizes.length)] as number);
    this.written.add(`${file} ${value}`);
    const calledAt = performance.now();
    let operation: RegisterOperation;
    let answer: Answer | undefined;
    let neverSent = false;
    const send = (request: Promise<Answer>) =>
      request.then(
        (given) => (answer = given),
        (error: NodeJS.ErrnoException) => (neverSent = error.code === 'ECONNREFUSED'),
      );
    if (kind < 4) {
      operation = { kind: 'read', saw: null };
      await send(http.get(file));
    } else if (kind < 6) {
      operation = { kind: 'write', value };
      await send(http.put(file, bytes));
    } else if (kind < 7) {
      operation = { kind: 'swap', expected: null, value, done: true };
      await send(http.put(file, bytes, { 'If-None-Match': '*' }));
    } else if (kind < 9 && known !== undefined && known !== null && this.tags.has(known)) {
      operation = { kind: 'swap', expected: known, value, done: true };
      await send(http.put(file, bytes, { 'If-Match': this.tags.get(known) }));
    } else {
      operation = { kind: 'delete', done: true };
      await send(http.delete(file));
    }
    const returnedAt = performance.now();
    this.count(operation.kind, answer);
    if (neverSent || hasDoneNothing(answer)) return void (await delay(neverSent ? AWAY_MS : REFUSED_MS));
    const entry = this.judged(operation, answer, bytes.length);
    this.record(file, entry.operation, calledAt, entry.known ? returnedAt : Infinity, client);
    if (entry.known) {
      this.note();
      const { operation: done } = entry;
      if (done.kind === 'read') seen.set(file, done.saw);
      else if (done.kind === 'write' || (done.kind === 'swap' && done.done)) seen.set(file, done.value);
    } else {
      // Whatever refused it needs a moment, and a client that is refused at once would do nothing else.
      await delay(REFUSED_MS);
    }
  }

  private async rename(
    client: string,
    http: Client,
    from: string,
    to: string,
    value: string,
    seen: Map<string, RegisterState>,
  ): Promise<void> {
    this.written.add(`${to} ${value}`);
    const calledAt = performance.now();
    let answer: Answer | undefined;
    let neverSent = false;
    await http.patch(from, { destination: to, overwrite: true }, { 'If-Match': this.tags.get(value) }).then(
      (given) => (answer = given),
      (error: NodeJS.ErrnoException) => (neverSent = error.code === 'ECONNREFUSED'),
    );
    const returnedAt = performance.now();
    this.count('rename', answer);
    if (neverSent || hasDoneNothing(answer)) return void (await delay(neverSent ? AWAY_MS : REFUSED_MS));
    const status = answer?.status ?? 0;
    const leaves = { kind: 'swap', expected: value, value: null } as const;
    switch (status) {
      case 200:
        this.record(from, { ...leaves, done: true }, calledAt, returnedAt, client);
        this.record(to, { kind: 'write', value }, calledAt, returnedAt, client);
        seen.set(from, null);
        seen.set(to, value);
        return this.note();
      case 412:
        this.record(from, { ...leaves, done: false }, calledAt, returnedAt, client);
        seen.delete(from);
        return this.note();
      case 404:
        this.record(from, { kind: 'read', saw: null }, calledAt, returnedAt, client);
        seen.set(from, null);
        return this.note();
      default:
        if (status !== 0 && status < 500) throw new Error(`A rename was answered ${answer?.outcome}: ${answer?.text}`);
        this.record(from, { ...leaves, done: true }, calledAt, Infinity, client);
        this.record(to, { kind: 'write', value }, calledAt, Infinity, client);
        await delay(REFUSED_MS);
    }
  }

  private record(file: string, operation: RegisterOperation, calledAt: number, returnedAt: number, client: string): void {
    this.histories.get(file)?.push({ operation, calledAt, returnedAt, client });
  }

  /** What an answer says of an operation, and whether it says anything. */
  private judged(
    operation: RegisterOperation,
    answer: Answer | undefined,
    size: number,
  ): { operation: RegisterOperation; known: boolean } {
    const status = answer?.status ?? 0;
    if (answer === undefined || status >= 500) return { operation, known: false };
    const tag = answer.header('etag');
    switch (operation.kind) {
      case 'read': {
        if (status === 404) return { operation: { kind: 'read', saw: null }, known: true };
        if (status !== 200) throw new Error(`A read was answered ${answer.outcome}: ${answer.text}`);
        const saw = valueOf(answer.body);
        if (tag !== undefined) this.learn(saw, tag);
        return { operation: { kind: 'read', saw }, known: true };
      }
      case 'write':
      case 'swap': {
        if (status === 412 && operation.kind === 'swap') return { operation: { ...operation, done: false }, known: true };
        if (status !== 200 && status !== 201)
          throw new Error(`A ${operation.kind} was answered ${answer.outcome}: ${answer.text}`);
        const entry = answer.json as { size: number };
        if (entry.size !== size) throw new Error(`${size} bytes were sent and ${entry.size} acknowledged.`);
        if (tag !== undefined && operation.value !== null) this.learn(operation.value, tag);
        return { operation, known: true };
      }
      case 'delete': {
        if (status === 404) return { operation: { kind: 'delete', done: false }, known: true };
        if (status !== 204) throw new Error(`A removal was answered ${answer.outcome}: ${answer.text}`);
        return { operation, known: true };
      }
    }
  }

  private note(): void {
    this.definite++;
    for (const { resolve } of this.watchers.filter(({ at }) => at <= this.definite)) resolve();
    this.watchers = this.watchers.filter(({ at }) => at > this.definite);
  }

  private learn(value: string, tag: string): void {
    const known = this.tags.get(value);
    if (known !== undefined && known !== tag) throw new Error(`The value ${value} had the tag ${known} and has ${tag} now.`);
    this.tags.set(value, tag);
  }

  private count(kind: string, answer: Answer | undefined): void {
    const what = `${kind} ${answer?.status ?? 'none'}`;
    this.outcomes.set(what, (this.outcomes.get(what) ?? 0) + 1);
  }
}

/** Answers that promise that nothing was changed: no lock was to be had, or it was lost before the commit. */
function hasDoneNothing(answer: Answer | undefined): boolean {
  const refusals = ['503 LOCKS_UNAVAILABLE', '423 LOCK_TIMEOUT', '409 STALE_LOCK', '429 RATE_LIMIT_EXCEEDED'];
  return answer !== undefined && refusals.includes(answer.outcome);
}
