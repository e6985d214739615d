import {
  Module,
  type DynamicModule,
  type FactoryProvider,
  type ModuleMetadata,
  type OnApplicationShutdown,
} from '@nestjs/common';
import { LocalLeaseStore } from './local/local-lease-store';
import type { FenceSource } from './lock-contract';
import { LockService, type LockServiceOptions } from './lock-service';

/** What locks are made of, chosen from the configuration. */
export type LockingOptions = LockServiceOptions & { readonly fences: FenceSource } & { readonly type: 'local' };

export interface LockingModuleOptions {
  readonly imports?: ModuleMetadata['imports'];
  readonly inject?: FactoryProvider['inject'];
  readonly useFactory: FactoryProvider<LockingOptions>['useFactory'];
}

const LOCKING_OPTIONS = Symbol('LockingOptions');

/** Provides `LockService` everywhere and closes it when the application shuts down. */
@Module({})
export class LockingModule implements OnApplicationShutdown {
  constructor(private readonly locks: LockService) {}

  static registerAsync({ imports = [], inject = [], useFactory }: LockingModuleOptions): DynamicModule {
    return {
      module: LockingModule,
      global: true,
      imports,
      providers: [
        { provide: LOCKING_OPTIONS, inject, useFactory },
        { provide: LockService, inject: [LOCKING_OPTIONS], useFactory: openLocks },
      ],
      exports: [LockService],
    };
  }

  async onApplicationShutdown(): Promise<void> {
    await this.locks.close();
  }
}

async function openLocks(options: LockingOptions): Promise<LockService> {
  const locks = new LockService(new LocalLeaseStore(), options.fences, options);
  await locks.start();
  return locks;
}
