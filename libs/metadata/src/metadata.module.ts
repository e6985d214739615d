import { Module, type DynamicModule, type FactoryProvider, type OnApplicationShutdown } from '@nestjs/common';
import { MetadataStore } from './metadata-store';

export interface MetadataModuleOptions {
  readonly inject?: FactoryProvider['inject'];
  /** Opens the store that the configuration names. */
  readonly useFactory: FactoryProvider<MetadataStore>['useFactory'];
}

/** Provides `MetadataStore` everywhere and closes it when the application has shut down. */
@Module({})
export class MetadataModule implements OnApplicationShutdown {
  constructor(private readonly store: MetadataStore) {}

  static registerAsync({ inject = [], useFactory }: MetadataModuleOptions): DynamicModule {
    return {
      module: MetadataModule,
      global: true,
      providers: [{ provide: MetadataStore, inject, useFactory }],
      exports: [MetadataStore],
    };
  }

  async onApplicationShutdown(): Promise<void> {
    await this.store.close();
  }
}
