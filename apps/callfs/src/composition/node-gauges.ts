import type { MetadataStore } from '@callfs/metadata';
import type { StorageProviders } from '@callfs/storage';
import type { Metrics } from '../metrics/catalogue';
import { onCollect } from '../metrics/on-collect';

/** Gauges that are read when someone asks for the metrics: the bytes below each backend and those of all content. */
export function registerNodeGauges({ storageBytes }: Metrics, storage: StorageProviders, store: MetadataStore): void {
  onCollect(storageBytes, async (gauge) => {
    const contents = await store.statistics().catch(() => undefined);
    if (contents) {
      gauge.set({ backend_type: 'inline', state: 'content' }, contents.inlineBytes);
      gauge.set({ backend_type: 'blobs', state: 'content' }, contents.blobBytes);
    }
    for (const provider of storage.all()) {
      const capacity = await provider.capacity?.().catch(() => undefined);
      if (capacity === undefined) continue;
      gauge.set({ backend_type: provider.name, state: 'free' }, capacity.freeBytes);
      gauge.set({ backend_type: provider.name, state: 'total' }, capacity.totalBytes);
    }
  });
}
