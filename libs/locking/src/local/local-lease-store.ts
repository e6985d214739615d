import { LeaseStore, type Busy, type Claim, type FenceRange, type Granted, type Lease } from '../lease-store';
import { WakeUps } from '../wake-ups';

/** One name: who holds it, and who is next. It exists only while there is either. */
interface Slot {
  holder: Holding | undefined;
  readonly queue: Claim[];
}

interface Holding {
  readonly claim: Claim;
  readonly sinceMs: number;
  fence: number;
}

/** The memory of a process is lost with all that believed in it. */
const NOTHING: readonly string[] = [];

/** Leases within one process. They last as long as the process, so nothing can be left behind and nothing is renewed. */
export class LocalLeaseStore extends LeaseStore {
  override readonly kind = 'local';
  override readonly ttlMs = null;

  private readonly slots = new Map<string, Slot>();
  private readonly wakeUps = new WakeUps();
  private clearedListener: (id: string) => void = () => undefined;
  private granted: Granted = { granted: true, overtaken: [], reclaimed: 0, fenceFloor: 0 };

  override domains(): readonly string[] {
    return NOTHING;
  }

  override acquire(claim: Claim, queue: boolean): Granted | Busy {
    const blocked = claim.names.find((name) => !this.isFree(name, claim));
    if (blocked !== undefined) return this.busy(blocked, claim, queue);
    const holding = { claim, sinceMs: performance.now(), fence: 0 };
    for (const name of claim.names) {
      const slot = this.slots.get(name);
      if (!slot) this.slots.set(name, { holder: holding, queue: [] });
      else if (slot.holder?.claim !== claim) {
        slot.holder = holding;
        if (slot.queue[0] === claim) slot.queue.shift();
      }
    }
    this.wakeUps.forget(claim.id);
    return this.granted;
  }

  override async turn(claim: Claim, _busy: Busy, waitMs: number, signal?: AbortSignal): Promise<void> {
    await this.wakeUps.sleep(claim.id, waitMs, signal);
  }

  override async leave(claim: Claim): Promise<void> {
    this.wakeUps.forget(claim.id);
    for (const name of claim.names) {
      this.free(name, claim.id);
      const slot = this.slots.get(name);
      const place = slot ? slot.queue.indexOf(claim) : -1;
      if (place < 0) continue;
      slot?.queue.splice(place, 1);
      this.passOn(name);
    }
  }

  override async confirm(claim: Claim, fence: number): Promise<boolean> {
    const holdings = claim.names.map((name) => this.slots.get(name)?.holder);
    if (!holdings.every((holding) => holding?.claim.id === claim.id)) return false;
    for (const holding of holdings) if (holding) holding.fence = fence;
    return true;
  }

  override async renew(): Promise<string[]> {
    return [];
  }

  override release(claim: Claim): boolean {
    let held = true;
    for (const name of claim.names) held = this.free(name, claim.id) && held;
    return held;
  }

  override async clear(leases: readonly Lease[], { upTo, floor }: FenceRange): Promise<('cleared' | 'gone' | 'changed')[]> {
    this.granted = { ...this.granted, fenceFloor: Math.max(floor, this.granted.fenceFloor) };
    return leases.map(({ id, names }) => {
      const holders = names.map((name) => this.slots.get(name)?.holder);
      const own = holders.filter((holder) => holder?.claim.id === id);
      if (own.some((holder) => holder && holder.fence > upTo)) return 'changed';
      if (own.length === 0) return holders.some((holder) => holder !== undefined) ? 'changed' : 'gone';
      for (const name of names) this.free(name, id);
      this.clearedListener(id);
      return 'cleared';
    });
  }

  override async *list(prefix: string): AsyncIterable<Lease> {
    const seen = new Set<string>();
    for (const [name, { holder }] of [...this.slots]) {
      if (!holder || !name.startsWith(prefix) || seen.has(holder.claim.id)) continue;
      seen.add(holder.claim.id);
      yield lease(holder);
    }
  }

  override onCleared(listener: (id: string) => void): void {
    this.clearedListener = listener;
  }

  override async ping(): Promise<void> {}

  override async close(): Promise<void> {}

  private isFree(name: string, claim: Claim): boolean {
    const slot = this.slots.get(name);
    if (!slot) return true;
    if (slot.holder) return slot.holder.claim === claim;
    return slot.queue[0] === undefined || slot.queue[0] === claim;
  }

  private busy(name: string, claim: Claim, queue: boolean): Busy {
    if (queue) {
      this.wakeUps.expect(claim.id);
      for (const wanted of claim.names) this.queueFor(wanted, claim);
    }
    const holder = this.slots.get(name)?.holder;
    return { granted: false, name, holder: holder && lease(holder) };
  }

  private queueFor(name: string, claim: Claim): void {
    const slot = this.slots.get(name);
    if (!slot) this.slots.set(name, { holder: undefined, queue: [claim] });
    else if (!slot.queue.includes(claim)) slot.queue.push(claim);
  }

  private free(name: string, id: string): boolean {
    const slot = this.slots.get(name);
    if (slot?.holder?.claim.id !== id) return false;
    slot.holder = undefined;
    this.passOn(name);
    return true;
  }

  private passOn(name: string): void {
    const slot = this.slots.get(name);
    if (!slot || slot.holder) return;
    const next = slot.queue[0];
    if (next) this.wakeUps.wake(next.id);
    else this.slots.delete(name);
  }
}

function lease({ claim, sinceMs, fence }: Holding): Lease {
  const heldMs = performance.now() - sinceMs;
  return {
    ...claim,
    acquiredAtMs: Math.round(performance.timeOrigin + sinceMs),
    heldMs,
    remainingMs: null,
    fence,
    foreign: false,
  };
}
