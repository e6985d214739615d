import { randomUUID } from 'node:crypto';
import type { Busy, Claim, Granted, Lease, LeaseStore } from '../lease-store';

let claims = 0;

/** Claims of one node: `node('a').claim('/x')`. */
export class TestNode {
  readonly bootId = randomUUID();

  constructor(readonly instanceId: string) {}

  claim(...names: string[]): Claim {
    const id = `${this.bootId}.${(++claims).toString(36)}`;
    const { instanceId, bootId } = this;
    return { id, names, instanceId, bootId, operation: 'put', user: 'alice', requestId: `request-${claims}` };
  }
}

/** Fails unless the claim is granted. */
export async function granted(store: LeaseStore, claim: Claim): Promise<Granted> {
  const answer = await store.acquire(claim, false);
  if (!answer.granted) throw new Error(`not granted: ${answer.name} is held by ${answer.holder?.id ?? 'those who wait'}`);
  return answer;
}

/** Fails unless somebody else has it. */
export async function busy(store: LeaseStore, claim: Claim, queue = false): Promise<Busy> {
  const answer = await store.acquire(claim, queue);
  if (answer.granted) throw new Error(`granted: ${claim.names.join()}`);
  return answer;
}

/** Waits in the queue, as long as it takes. */
export async function queued(store: LeaseStore, claim: Claim): Promise<Granted> {
  for (;;) {
    const answer = await store.acquire(claim, true);
    if (answer.granted) return answer;
    await store.turn(claim, answer, 60_000);
  }
}

export async function listed(store: LeaseStore, prefix = ''): Promise<Lease[]> {
  const found: Lease[] = [];
  for await (const lease of store.list(prefix)) found.push(lease);
  return found;
}
