import { Module, type DynamicModule, type Provider } from '@nestjs/common';
import { APP_FILTER, HttpAdapterHost } from '@nestjs/core';
import { LoggerModule } from 'nestjs-pino';
import { LimitingModule, RateLimiter } from '@callfs/limiting';
import { openLimiter } from '../composition/limiting';
import type { CallfsConfig } from '../config/config';
import { createLog, type Log } from '../logging/log';
import { MetricsModule } from '../metrics/metrics.module';
import { MetricsServer } from '../metrics/metrics-server';
import type { CallfsAdapter } from './callfs-adapter';
import { DebugController } from './debug/debug.controller';
import { Drain } from './drain';
import { ErrorFilter } from './error.filter';
import { HealthModule } from './health/health.module';
import { RequestLimits } from './limits/request-limits';
import { RemoteAddress } from './remote-address';

/** The log as a Nest provider. */
export const LOG = Symbol('callfs.log');

/** Everything of the HTTP side that is not about files: errors, log, metrics, health, profiles, the way to stop. */
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
        LimitingModule.registerAsync({ useFactory: () => openLimiter(config) }),
        HealthModule,
      ],
      controllers: config.debug.profiling ? [DebugController] : [],
      providers: [
        { provide: LOG, useValue: log },
        { provide: RemoteAddress, useFactory: () => new RemoteAddress(config.server.trustedProxies) },
        {
          provide: RequestLimits,
          inject: [RateLimiter, RemoteAddress],
          useFactory: (limiter: RateLimiter, addresses: RemoteAddress) => new RequestLimits(limiter, addresses, config),
        },
        { provide: APP_FILTER, useClass: ErrorFilter },
        {
          provide: Drain,
          inject: [HttpAdapterHost],
          useFactory: (host: HttpAdapterHost<CallfsAdapter>) => new Drain(host.httpAdapter, config.server.shutdownGraceMs),
        },
        ...metricsServer(config),
      ],
      exports: [LOG, RemoteAddress, RequestLimits],
    };
  }
}

function metricsServer({ metrics: { listenAddr } }: CallfsConfig): Provider[] {
  return listenAddr === undefined ? [] : [{ provide: MetricsServer, useFactory: () => new MetricsServer(listenAddr) }];
}
