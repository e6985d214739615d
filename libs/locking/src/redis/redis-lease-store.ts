import { randomUUID } from 'node:crypto';
import { Cluster, Redis } from 'ioredis';
import { CallfsError } from '@callfs/core';
import { LeaseStore, type Busy, type Claim, type FenceRange, type Granted, type Lease } from '../lease-store';
import { WakeUps } from '../wake-ups';
import { FailoverWatch } from './failover-watch';
import { assertFit } from './redis-fitness';
import { leaseOf, type LeaseReply } from './redis-lease';
import { HELD_KEY, LOCK_PREFIX, RedisKeys, type KeyGroup } from './redis-keys';
import { RedisLink, type RedisClient } from './redis-link';
import { SCRIPTS, type RedisScript } from './redis-scripts';

export interface RedisLeaseStoreOptions {
  readonly ttlMs: number;
  /** How long one answer of Redis may take. */
  readonly timeoutMs?: number;
}

/** Below the two seconds after which health checks give up, and far below what a lease lasts. */
const TIMEOUT_MS = 1_500;
/** A waiter that does not ask again for so long has died, and the next one's turn comes. */
const PATIENCE_MS = 3_000;
/** Waiters ask again this often even when nobody wakes them. */
const ASK_EVERY_MS = 750;
/** So many leases to one call: it should not hold up Redis for more than a few milliseconds. */
const AT_ONCE = 200;
const SCAN_COUNT = 1_000;
/** Ends of claims that are kept for a Redis that is away. */
const UNTOLD_MAX = 1_000;

type GrantedReply = readonly [granted: 1, fenceFloor: number | string, isLost: number, ...overtaken: string[]];
type BusyReply = readonly [granted: 0, index: number, holder: LeaseReply | null];
type Outcome = 'cleared' | 'gone' | 'changed';

/** That a claim is over: released, or given up before it was known to be granted. */
interface End {
  readonly claim: Claim;
  readonly leaving: boolean;
}

/**
 * Leases in Redis, for all nodes. What they are and how they are taken is told in `redis-scripts.ts`. On a Redis Cluster
 * the names of a claim may be in several slots: they are taken slot after slot, in one order, and those that are had are
 * kept while the claim waits for the next.
 */
export class RedisLeaseStore extends LeaseStore {
  override readonly kind = 'redis';
  override readonly ttlMs: number;

  private readonly link: RedisLink;
  private readonly subscriber: RedisClient;
  private readonly keys: RedisKeys;
  private failovers: FailoverWatch | undefined;
  private readonly channel = `callfs:locks:wake:${randomUUID()}`;
  private readonly wakeUps = new WakeUps();
  /**
   * Told when Redis is back, however long that took: what was asked for before it went silent it grants when it reads it, for
   * a whole lease, and others would wait for that.
   */
  private readonly untold = new Map<string, End>();
  private clearedListener: (id: string) => void = () => undefined;

  constructor(client: RedisClient, { ttlMs, timeoutMs = TIMEOUT_MS }: RedisLeaseStoreOptions) {
    super();
    this.ttlMs = ttlMs;
    this.link = new RedisLink(client, timeoutMs);
    this.keys = new RedisKeys(client instanceof Cluster);
    this.subscriber = client.duplicate();
    this.subscriber.on('error', () => undefined);
    this.subscriber.on('message', (_channel: string, message: string) => this.hear(message));
  }

  /** Connects, and makes sure that Redis is fit to keep locks. `LOCKS_UNAVAILABLE` with the cause. */
  async open(): Promise<void> {
    await this.link.open();
    for (const node of this.masters()) {
      const { host, port } = node.options;
      assertFit(await this.link.call(() => node.info()), `${host}:${port}`);
    }
    const { client } = this.link;
    client.on('ready', () => void this.tellEnds());
    if (client instanceof Redis) this.failovers = new FailoverWatch(client);
    // Those who are not woken ask again anyway: nothing waits for this connection.
    this.subscriber.on('ready', () => void this.subscriber.subscribe(this.channel).catch(() => undefined));
    this.subscriber.connect().catch(() => undefined);
  }

  override domains(names: readonly string[]): readonly string[] {
    return this.keys.domains(names);
  }

  override async acquire(claim: Claim, queue: boolean): Promise<Granted | Busy> {
    if (queue) this.wakeUps.expect(claim.id);
    const overtaken: string[] = [];
    let reclaimed = 0;
    let fenceFloor = 0;
    for (const [index, group] of this.keys.groups(claim.names).entries()) {
      const reply = await this.run(SCRIPTS.acquire, group, this.acquireRequest(claim, group, queue));
      if (!isGranted(reply)) {
        // Who waits keeps what was taken before; who does not takes all or none.
        if (!queue && index > 0) await this.end(claim, false);
        return busy(reply as BusyReply, group);
      }
      const [, floor, isLost, ...left] = reply;
      overtaken.push(...left, ...(isLost === 1 ? this.keys.domains(group.names) : []));
      reclaimed += left.length;
      fenceFloor = Math.max(fenceFloor, Number(floor));
    }
    this.wakeUps.forget(claim.id);
    return { granted: true, overtaken, reclaimed, fenceFloor };
  }

  override turn(claim: Claim, { holder }: Busy, waitMs: number, signal?: AbortSignal): Promise<void> {
    const untilItEnds = holder?.remainingMs ?? Infinity;
    return this.wakeUps.sleep(claim.id, Math.max(1, Math.min(waitMs, ASK_EVERY_MS, untilItEnds + 1)), signal);
  }

  override async leave(claim: Claim): Promise<void> {
    this.wakeUps.forget(claim.id);
    await this.end(claim, true);
  }

  override async confirm({ id, names }: Claim, fence: number): Promise<boolean> {
    const groups = this.keys.groups(names);
    const replies = await Promise.all(groups.map((group) => this.run(SCRIPTS.confirm, group, { id, names: group.names, fence })));
    return replies.every((reply) => reply === 1);
  }

  override async renew(claims: readonly Claim[]): Promise<string[]> {
    const gone = await this.inGroups(
      claims,
      ({ names }) => names,
      (group, ofGroup) => {
        const named = ofGroup.map(({ item, names }) => ({ id: item.id, names }));
        return this.run(SCRIPTS.renew, group, { claims: named, ttl: this.ttlMs }) as Promise<string[]>;
      },
    );
    return [...new Set(gone.flat())];
  }

  override release(claim: Claim): Promise<boolean> {
    return this.end(claim, false);
  }

  override async clear(leases: readonly Lease[], { upTo, floor }: FenceRange): Promise<Outcome[]> {
    const found = new Map<Lease, Outcome[]>();
    await this.inGroups(
      leases,
      ({ names }) => names,
      async (group, ofGroup) => {
        const named = ofGroup.map(({ item, names }) => ({ id: item.id, names }));
        // JSON has no infinity: null is no bound.
        const outcomes = (await this.run(SCRIPTS.clear, group, { leases: named, upTo, floor })) as Outcome[];
        for (const [index, { item }] of ofGroup.entries())
          found.set(item, [...(found.get(item) ?? []), outcomes[index] ?? 'gone']);
      },
    );
    return leases.map((lease) => worstOf(found.get(lease) ?? []));
  }

  override async *list(prefix: string): AsyncIterable<Lease> {
    const seen = new Set<string>();
    for await (const names of this.names(prefix)) {
      const replies = await this.inGroups(
        names,
        (name) => [name],
        (group) => {
          return this.run(SCRIPTS.read, group, { names: group.names }) as Promise<LeaseReply[]>;
        },
      );
      for (const reply of replies.flat()) {
        if (seen.has(reply[1])) continue;
        seen.add(reply[1]);
        yield leaseOf(reply);
      }
    }
  }

  override onCleared(listener: (id: string) => void): void {
    this.clearedListener = listener;
  }

  override async ping(): Promise<void> {
    await this.link.call((client) => client.ping());
  }

  override async close(): Promise<void> {
    this.failovers?.close();
    this.subscriber.disconnect();
    this.link.close();
  }

  private run(script: RedisScript, { heldKey }: KeyGroup, request: object): Promise<unknown> {
    return this.link.run(script, heldKey, request);
  }

  private acquireRequest(claim: Claim, { names }: KeyGroup, queue: boolean): object {
    const { id, instanceId: instance, bootId: boot, operation, user, requestId: request } = claim;
    const { channel, ttlMs: ttl } = this;
    const list = JSON.stringify(claim.names);
    return { id, names, list, instance, boot, operation, user, request, channel, ttl, queue, patience: PATIENCE_MS };
  }

  private end(claim: Claim, leaving: boolean): Promise<boolean> {
    return this.tell({ claim, leaving });
  }

  private async tell(end: End): Promise<boolean> {
    const { id, names } = end.claim;
    try {
      const groups = this.keys.groups(names);
      const replies = await Promise.all(
        groups.map((group) => this.run(SCRIPTS.release, group, { id, names: group.names, leaving: end.leaving })),
      );
      return replies.every((reply) => reply === 1);
    } catch (error) {
      if (CallfsError.is(error, 'LOCKS_UNAVAILABLE') && this.untold.size < UNTOLD_MAX) this.untold.set(id, end);
      throw error;
    }
  }

  private async tellEnds(): Promise<void> {
    const ends = [...this.untold.values()];
    this.untold.clear();
    // What fails is kept for the next time.
    for (const end of ends) await this.tell(end).catch(() => undefined);
  }

  /** Calls `work` for each group of keys with those items that have names in it, not too many at once. */
  private async inGroups<T, R>(
    items: readonly T[],
    namesOf: (item: T) => readonly string[],
    work: (group: KeyGroup, items: { item: T; names: readonly string[] }[]) => Promise<R>,
  ): Promise<R[]> {
    const byKey = new Map<string, { item: T; names: readonly string[] }[]>();
    for (const item of items)
      for (const { heldKey, names } of this.keys.groups(namesOf(item))) {
        const others = byKey.get(heldKey);
        if (others) others.push({ item, names });
        else byKey.set(heldKey, [{ item, names }]);
      }
    const done: R[] = [];
    for (const [heldKey, ofKey] of byKey)
      for (let from = 0; from < ofKey.length; from += AT_ONCE) {
        const some = ofKey.slice(from, from + AT_ONCE);
        done.push(await work({ heldKey, names: some.flatMap(({ names }) => names) }, some));
      }
    return done;
  }

  /** The names that may have a lease: ours from the index, then those that somebody has planted, which are in none. */
  private async *names(prefix: string): AsyncIterable<string[]> {
    const known = new Set<string>();
    if (!(this.link.client instanceof Cluster)) {
      const held = await this.link.call((client) => client.zrange(HELD_KEY, 0, -1));
      const wanted = held.filter((name) => name.startsWith(prefix));
      for (const name of wanted) known.add(name);
      yield wanted;
    }
    const match = `${LOCK_PREFIX}${escaped(prefix)}*`;
    for (const node of this.masters()) {
      for (let cursor = '0', isFirst = true; isFirst || cursor !== '0'; isFirst = false) {
        const [next, keys] = await this.link.call(() => node.scan(cursor, 'MATCH', match, 'COUNT', SCAN_COUNT));
        cursor = next;
        const planted = keys.map((key) => key.slice(LOCK_PREFIX.length)).filter((name) => !known.has(name));
        for (const name of planted) known.add(name);
        if (planted.length > 0) yield planted;
      }
    }
  }

  private masters(): Redis[] {
    const { client } = this.link;
    return client instanceof Cluster ? client.nodes('master') : [client];
  }

  private hear(message: string): void {
    const space = message.indexOf(' ');
    const id = message.slice(space + 1);
    if (message.startsWith('cleared ')) this.clearedListener(id);
    else this.wakeUps.wake(id);
  }
}

function isGranted(reply: unknown): reply is GrantedReply {
  return (reply as GrantedReply | BusyReply)[0] === 1;
}

function busy([, index, holder]: BusyReply, { names }: KeyGroup): Busy {
  return { granted: false, name: names[index - 1] ?? '', holder: holder === null ? undefined : leaseOf(holder) };
}

function worstOf(outcomes: readonly Outcome[]): Outcome {
  return outcomes.find((outcome) => outcome === 'changed') ?? outcomes.find((outcome) => outcome === 'cleared') ?? 'gone';
}

/** As a pattern that matches nothing but itself. */
function escaped(text: string): string {
  return text.replace(/[*?[\]\\^-]/g, '\\$&');
}
