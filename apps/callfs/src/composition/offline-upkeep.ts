import type { CallfsConfig } from '../config/config';
import { Metrics } from '../metrics/catalogue';
import { BlobOwnership } from '../use-cases/blob-ownership';
import { Collector } from '../use-cases/collector';
import { Recovery } from '../use-cases/recovery';
import { BlobAdoption } from '../use-cases/upkeep/blob-adoption';
import { BlobAudit } from '../use-cases/upkeep/blob-audit';
import { BlobRepair } from '../use-cases/upkeep/blob-repair';
import { FsckService } from '../use-cases/upkeep/fsck.service';
import { GarbageService } from '../use-cases/upkeep/garbage.service';
import { OrphanSearch } from '../use-cases/upkeep/orphan-search';
import { openMetadata, openStorage } from './engines';

/** The upkeep of a node that does not run. */
export interface OfflineUpkeep {
  readonly garbage: GarbageService;
  readonly fsck: FsckService;
  close(): Promise<void>;
}

/** Opens what the node would open, and puts right what a crash left. Fails while a process has it. */
export async function openOfflineUpkeep(config: CallfsConfig): Promise<OfflineUpkeep> {
  const metrics = new Metrics();
  const { instanceId } = config.instanceDiscovery;
  const store = await openMetadata(config, metrics);
  const providers = await openStorage(config, metrics).catch(async (error: unknown) => {
    await store.close();
    throw error;
  });
  const ownership = new BlobOwnership(store, instanceId);
  const collector = new Collector(store, providers, ownership, instanceId);
  const search = new OrphanSearch(store, instanceId, config.storage.orphanGraceMs);
  const audit = new BlobAudit(store, providers);
  const [repair, adoption] = [new BlobRepair(store, providers), new BlobAdoption(store, providers, audit)];
  const close = async () => {
    await collector.beforeApplicationShutdown();
    await providers.close();
    await store.close();
  };
  try {
    await new Recovery(store, providers, ownership, instanceId).onModuleInit();
  } catch (error) {
    await close();
    throw error;
  }
  return {
    garbage: new GarbageService(store, providers, search, ownership, collector),
    fsck: new FsckService(store, providers, audit, repair, adoption, search, ownership, collector, instanceId),
    close,
  };
}
