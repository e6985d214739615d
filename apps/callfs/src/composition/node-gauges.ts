import type { StorageProviders } from '@callfs/storage';
import type { Gauge } from 'prom-client';
import type { Metrics } from '../metrics/catalogue';

/** Gauges that are read when someone asks for the metrics: the bytes below each backend. */
export function registerNodeGauges({ storageBytes }: Metrics, storage: StorageProviders): void {
  onCollect(storageBytes, async (gauge) => {
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
