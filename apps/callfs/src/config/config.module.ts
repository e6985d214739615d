import { Module, type DynamicModule } from '@nestjs/common';
import { ConfigModule, ConfigService } from '@nestjs/config';
import type { CallfsConfig } from './config';

/** Nest token of the loaded `CallfsConfig`. */
export const CALLFS_CONFIG = Symbol('CallfsConfig');

/** Provides the configuration, which was loaded and judged before Nest began, to everything. */
@Module({})
export class CallfsConfigModule {
  static register(config: CallfsConfig): DynamicModule {
    const loaded = ConfigModule.forRoot({
      isGlobal: true,
      ignoreEnvFile: true,
      ignoreEnvVars: true,
      load: [() => ({ callfs: config })],
    });
    return {
      module: CallfsConfigModule,
      global: true,
      imports: [loaded],
      providers: [
        {
          provide: CALLFS_CONFIG,
          inject: [ConfigService],
          useFactory: (service: ConfigService) => service.getOrThrow<CallfsConfig>('callfs'),
        },
      ],
      exports: [CALLFS_CONFIG],
    };
  }
}
