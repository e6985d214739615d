import { Module, type DynamicModule, type FactoryProvider } from '@nestjs/common';
import { LockService } from './lock-service';

export interface LockingModuleOptions {
  readonly inject?: FactoryProvider['inject'];
  readonly useFactory: FactoryProvider<LockService>['useFactory'];
}

/** Provides `LockService` everywhere. */
@Module({})
export class LockingModule {
  static registerAsync({ inject = [], useFactory }: LockingModuleOptions): DynamicModule {
    return {
      module: LockingModule,
      global: true,
      providers: [{ provide: LockService, inject, useFactory }],
      exports: [LockService],
    };
  }
}
