import { LockAdministration, redisClient, RedisLeaseStore, type ClearOptions, type LockFilter } from '@callfs/locking';
import type { MetadataStore } from '@callfs/metadata';
import type { CallfsConfig } from '../../config/config';
import { explainFailure } from '../../config/startup/explain-failure';
import {
  clearedLockView,
  lockCheckView,
  lockView,
  type ClearedLockView,
  type LockCheckView,
  type LockView,
} from '../../http/admin/lock-view';
import { CommandFailure, EXIT } from '../exit-codes';
import type { LockDesk } from './lock-desk';

/**
 * The locks as Redis has them, for when no node is up. Which nodes live is not asked: only what nobody's lease is counts
 * as stale. To clear, the metadata store is opened as well, for that is where fences are raised.
 */
export class DirectLockDesk implements LockDesk {
  private readonly admin: LockAdministration;
  private metadata: Promise<MetadataStore> | undefined;

  private constructor(
    private readonly config: CallfsConfig,
    private readonly store: RedisLeaseStore,
  ) {
    const fences = {
      nextFence: async () => (await this.fences()).nextFence(),
      raiseFence: async (names: readonly string[]) => (await this.fences()).raiseFence(names),
    };
    this.admin = new LockAdministration(store, fences);
  }

  static async open(config: CallfsConfig): Promise<DirectLockDesk> {
    const { redis, leaseTtlMs } = config.dlm;
    if (!redis)
      throw new CommandFailure(
        'dlm.type is local: the locks are in the memory of the node. Leave out --direct and ask it.',
        EXIT.failed,
      );
    const store = new RedisLeaseStore(redisClient(redis), { ttlMs: leaseTtlMs });
    const desk = new DirectLockDesk(config, store);
    try {
      await desk.explained(store.open());
      return desk;
    } catch (error) {
      await store.close();
      throw error;
    }
  }

  async list(filter: LockFilter): Promise<readonly LockView[]> {
    return (await this.explained(this.admin.list(filter))).map(lockView);
  }

  async clear(ids: readonly string[], options: ClearOptions): Promise<readonly ClearedLockView[]> {
    return (await this.explained(this.admin.clearAll(ids, options))).map(clearedLockView);
  }

  async check(): Promise<LockCheckView> {
    return lockCheckView(await this.explained(this.admin.check()));
  }

  async close(): Promise<void> {
    await this.store.close();
    await (await this.metadata)?.close();
  }

  private fences(): Promise<MetadataStore> {
    this.metadata ??= this.openMetadata();
    return this.metadata;
  }

  private async openMetadata(): Promise<MetadataStore> {
    // Loaded only when something is cleared: they bring the drivers.
    const [{ openMetadata }, { Metrics }] = await Promise.all([
      import('../../composition/engines.js'),
      import('../../metrics/catalogue.js'),
    ]);
    return openMetadata(this.config, new Metrics());
  }

  /** What the operator can mend is said as `callfs server` says it. */
  private async explained<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      const failure = explainFailure(error, this.config);
      if (!failure) throw error;
      const exitCode = failure.kind === 'dependency' ? EXIT.unreachable : EXIT.failed;
      throw new CommandFailure(failure.message, exitCode, { cause: error });
    }
  }
}
