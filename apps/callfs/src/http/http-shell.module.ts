import { Module, type DynamicModule } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { LoggerModule } from 'nestjs-pino';
import type { CallfsConfig } from '../config/config';
import { createLog, type Log } from '../logging/log';
import { MetricsModule } from '../metrics/metrics.module';
import { ErrorFilter } from './error.filter';

/** The log as a Nest provider. */
export const LOG = Symbol('callfs.log');

/** Everything of the HTTP side that is not about files: errors, log, metrics, health, documentation, profiles. */
@Module({})
export class HttpShellModule {
  static forRoot(config: CallfsConfig, log: Log = createLog(config.log)): DynamicModule {
    return {
      module: HttpShellModule,
      global: true,
      imports: [
        // No routes: its middleware would run for every request, and the access log does without it.
        LoggerModule.forRoot({ pinoHttp: { logger: log.logger, autoLogging: false }, forRoutes: [] }),
        MetricsModule,
      ],
      providers: [
        { provide: LOG, useValue: log },
        { provide: APP_FILTER, useClass: ErrorFilter },
      ],
      exports: [LOG],
    };
  }
}
