import { LocalLeaseStore, LockService } from '@callfs/locking';
import { leaseStoreSuite } from '../src/testing/lease-store-suite';
import { lockServiceSuite } from '../src/testing/lock-service-suite';

leaseStoreSuite('local', {
  open: async () => {
    const store = new LocalLeaseStore();
    return [store, store];
  },
});

let services: LockService[] = [];
lockServiceSuite('local', {
  open: async (cell, nodes) => {
    const store = new LocalLeaseStore();
    services = nodes.map((options) => new LockService(store, cell, options));
    return services;
  },
  close: async () => {
    for (const service of services) await service.close();
  },
});
