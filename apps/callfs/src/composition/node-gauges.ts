import type { StorageProviders } from '@callfs/storage';
import type { Metrics } from '../metrics/catalogue';
import { onCollect } from '../metrics/on-collect';

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
