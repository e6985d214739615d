import { randomUUID } from 'node:crypto';

/** Names this run of the node. Whoever finds another one under the same instance knows that the node has restarted. */
export class BootId {
  readonly value: string = randomUUID();
}
