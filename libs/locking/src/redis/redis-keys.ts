import { slotOf, tagOf } from './cluster-slots';

/** What a lock's key begins with; the rest is its path. Documented for `redis-cli`. */
export const LOCK_PREFIX = 'callfs:lock:';

/** Stands for every lease of a store whose memory is lost at once. No path is called so. */
const EVERY_LOCK = '*';

/** Names whose keys one script may touch together. */
export interface KeyGroup {
  /** Of the names that are held or were left without release, by when they end; names the other keys of the group as well. */
  readonly heldKey: string;
  readonly names: readonly string[];
}

/** Where things are: one group on a single Redis, one for each slot on a Redis Cluster. */
export class RedisKeys {
  constructor(private readonly isCluster: boolean) {}

  groups(names: readonly string[]): KeyGroup[] {
    if (!this.isCluster) return [{ heldKey: HELD_KEY, names }];
    const bySlot = new Map<number, string[]>();
    for (const name of names) {
      const slot = slotOf(LOCK_PREFIX + name);
      const others = bySlot.get(slot);
      if (others) others.push(name);
      else bySlot.set(slot, [name]);
    }
    // Everybody takes them in the same order, so that nobody waits in a circle.
    const inOrder = [...bySlot].sort(([one], [other]) => one - other);
    return inOrder.map(([slot, ofSlot]) => ({ heldKey: `callfs:locks:{${tagOf(slot)}}:held`, names: ofSlot }));
  }

  domains(names: readonly string[]): readonly string[] {
    if (!this.isCluster) return ALL;
    return [...new Set(names.map((name) => EVERY_LOCK + slotOf(LOCK_PREFIX + name)))];
  }
}

export const HELD_KEY = 'callfs:locks:held';
const ALL: readonly string[] = [EVERY_LOCK];
