import { Logger, type BeforeApplicationShutdown, type OnApplicationBootstrap, type OnModuleInit } from '@nestjs/common';
import { keyIdsOf, type Authenticator, type KeyEntry } from '@callfs/auth';
import { CallfsError, VirtualPath } from '@callfs/core';
import type { PrincipalNames } from '../principal-names';
import type { AccessRows, AccountRow, KeyRow } from './access-rows';
import type { Person } from './person';

/** What is revoked on one node has to end on every other within a second. */
const LOOK_MS = 500;
const NOTE_USES_MS = 60_000;

/** What the configuration says of who may come in. */
export interface ConfiguredAccess {
  /** The superuser among them. */
  readonly people: readonly Person[];
  readonly keys: readonly KeyEntry[];
}

/**
 * Keeps the authenticator's table at what the configuration and the metadata say: after each change made here before it is
 * answered, after one made elsewhere within half a second. The configuration wins: neither its users nor its keys can be
 * taken over by rows. Keys that are shared expire by the clock of the metadata's engine, the same for every node.
 */
export class KeyRing implements OnModuleInit, OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger(KeyRing.name);
  private readonly configured: ReadonlyMap<string, Person>;
  private readonly configuredKeys: ReadonlySet<string>;
  private people: ReadonlyMap<string, Person>;
  private revision = -1;
  private refreshing: Promise<void> = Promise.resolve();
  /** The refresh that has not begun yet. */
  private coming: Promise<void> | undefined;
  private notedMs = 0;
  /** What the engine's clock is ahead of this process's monotonic one. */
  private aheadMs = 0;
  private timers: NodeJS.Timeout[] = [];
  private isAway = false;

  constructor(
    private readonly access: ConfiguredAccess,
    private readonly rows: AccessRows,
    private readonly names: PrincipalNames,
    private readonly authenticator: Authenticator,
    /** Other processes change the same metadata. */
    private readonly isShared: boolean,
  ) {
    this.configured = new Map(access.people.map((person) => [person.user, person]));
    this.people = this.configured;
    this.configuredKeys = keyIdsOf(access.keys);
    if (isShared) authenticator.keepTimeBy(() => Math.floor(performance.now() + this.aheadMs));
  }

  /** Before the first request. */
  async onModuleInit(): Promise<void> {
    await this.refresh();
  }

  onApplicationBootstrap(): void {
    if (this.isShared) this.repeat(LOOK_MS, () => this.look());
    this.repeat(NOTE_USES_MS, () => this.noteUses());
  }

  async beforeApplicationShutdown(): Promise<void> {
    for (const timer of this.timers) clearInterval(timer);
    await this.noteUses().catch((error: unknown) => this.failed(error));
  }

  /** Of the configuration or the metadata. */
  person(name: string): Person | undefined {
    return this.people.get(name);
  }

  /** Everybody, those of the configuration first. */
  all(): (Person & { readonly source: 'configuration' | 'metadata' })[] {
    const added = [...this.people.values()].filter(({ user }) => !this.isConfigured(user));
    return [
      ...this.access.people.map((person) => ({ ...person, source: 'configuration' as const })),
      ...added.map((person) => ({ ...person, source: 'metadata' as const })),
    ];
  }

  isConfigured(name: string): boolean {
    return this.configured.has(name);
  }

  isConfiguredKey(id: string): boolean {
    return this.configuredKeys.has(id);
  }

  /** Resolves when everything that was committed before the call counts. Those who ask while others are waiting share an answer. */
  refresh(): Promise<void> {
    this.coming ??= this.refreshing
      .catch(() => undefined)
      .then(() => {
        this.coming = undefined;
        return (this.refreshing = this.load());
      });
    return this.coming;
  }

  /** Writes down when keys were last used. */
  async noteUses(): Promise<void> {
    const since = this.notedMs;
    const until = this.authenticator.nowMs();
    await this.rows.noteUses(this.authenticator.lastUses(since));
    // What is used while this is written is used no earlier.
    this.notedMs = until - 1;
  }

  private async load(): Promise<void> {
    // Read first: a change that comes in between is then loaded once too often, never missed.
    const revision = await this.readRevision();
    const [keys, accounts] = await Promise.all([this.rows.validKeys(), this.rows.accounts()]);
    await this.names.load();
    this.people = new Map([...accounts.map((account) => [account.name, personOf(account)] as const), ...this.configured]);
    const entries = [...this.access.keys, ...keys.flatMap((key) => this.entryOf(key))];
    this.authenticator.replace(entries, [...this.people.values()]);
    this.revision = revision;
  }

  private entryOf(key: KeyRow): KeyEntry[] {
    const person = this.people.get(key.user);
    if (!person) return [];
    const scope = { path: VirtualPath.fromText(key.path), verbs: key.verbs, expiresMs: key.expiresMs ?? undefined };
    return [{ key: `sha256:${key.digest}`, identity: { ...person, scope } }];
  }

  private async look(): Promise<void> {
    if ((await this.readRevision()) !== this.revision) await this.refresh();
    this.isAway = false;
  }

  private async readRevision(): Promise<number> {
    const askedMs = performance.now();
    const { revision, nowMs } = await this.rows.revision();
    // The answer is from later than the question: a key ends a moment early rather than late.
    this.aheadMs = nowMs - askedMs;
    return revision;
  }

  private repeat(everyMs: number, work: () => Promise<void>): void {
    let isBusy = false;
    const timer = setInterval(() => {
      if (isBusy) return;
      isBusy = true;
      work()
        .catch((error: unknown) => this.failed(error))
        .finally(() => (isBusy = false));
    }, everyMs);
    this.timers.push(timer.unref());
  }

  private failed(error: unknown): void {
    if (!CallfsError.is(error)) throw error;
    if (!this.isAway)
      this.logger.warn({ err: error }, 'the keys and users cannot be looked up; changes made elsewhere count later');
    this.isAway = true;
  }
}

function personOf({ name, uid, gid, groups, umask }: AccountRow): Person {
  return { user: name, uid, gid, groups, umask };
}
