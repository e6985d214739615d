import type { LockService } from '@callfs/locking';
import type { StorageProviders } from '@callfs/storage';
import type { Gauge } from 'prom-client';
import type { Metrics } from '../metrics/catalogue';

/** Gauges that are read when someone asks for the metrics: locks that are held, bytes below each backend. */
export function registerNodeGauges(metrics: Metrics, locks: Pick<LockService, 'active'>, storage: StorageProviders): void {
  onCollect(metrics.activeLocks, (gauge) => gauge.set(locks.active));
  onCollect(metrics.storageBytes, async (gauge) => {
    for (const provider of storage.all()) {
      const capacity = await provider.capacity?.().catch(() => undefined);
      if (capacity === undefined) continue;
      gauge.set({ backend_type: provider.name, state: 'free' }, capacity.freeBytes);
      gauge.set({ backend_type: provider.name, state: 'total' }, capacity.totalBytes);
    }
  });
}

function onCollect<L extends string>(gauge: Gauge<L>, collect: (gauge: Gauge<L>) => void | Promise<void>): void {
  (gauge as Gauge<L> & { collect: () => void | Promise<void> }).collect = () => collect(gauge);
}
