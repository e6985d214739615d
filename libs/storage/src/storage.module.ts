import {
  type DynamicModule,
  type FactoryProvider,
  type ModuleMetadata,
  Module,
  type OnApplicationShutdown,
} from '@nestjs/common';
import { StorageProviders } from './storage-providers';

export interface StorageModuleOptions {
  readonly imports?: ModuleMetadata['imports'];
  readonly inject?: FactoryProvider['inject'];
  /** Opens the backends that the configuration names. */
  readonly useFactory: FactoryProvider<StorageProviders>['useFactory'];
}

/** Provides `StorageProviders` everywhere and closes them when the application shuts down. */
@Module({})
export class StorageModule implements OnApplicationShutdown {
  constructor(private readonly providers: StorageProviders) {}

  static registerAsync({ imports = [], inject = [], useFactory }: StorageModuleOptions): DynamicModule {
    return {
      module: StorageModule,
      global: true,
      imports,
      providers: [{ provide: StorageProviders, inject, useFactory }],
      exports: [StorageProviders],
    };
  }

  async onApplicationShutdown(): Promise<void> {
    await this.providers.close();
  }
}
