import { Module, type DynamicModule, type FactoryProvider, type OnApplicationShutdown } from '@nestjs/common';
import { RateLimiter } from './rate-limiter';

export interface LimitingModuleOptions {
  readonly inject?: FactoryProvider['inject'];
  readonly useFactory: FactoryProvider<RateLimiter>['useFactory'];
}

/** Provides `RateLimiter` everywhere and closes it when the application shuts down. */
@Module({})
export class LimitingModule implements OnApplicationShutdown {
  constructor(private readonly limiter: RateLimiter) {}

  static registerAsync({ inject = [], useFactory }: LimitingModuleOptions): DynamicModule {
    return {
      module: LimitingModule,
      global: true,
      providers: [{ provide: RateLimiter, inject, useFactory }],
      exports: [RateLimiter],
    };
  }

  async onApplicationShutdown(): Promise<void> {
    await this.limiter.close();
  }
}
