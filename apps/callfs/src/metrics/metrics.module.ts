import { Global, Module } from '@nestjs/common';
import { PrometheusModule } from '@willsoto/nestjs-prometheus';
import { Metrics } from './catalogue';
import { MetricsController } from './metrics.controller';

/** `Metrics` for everyone, `GET /metrics` with a key, Node's own figures (`collectDefaultMetrics`, event-loop lag among them). */
@Global()
@Module({
  imports: [PrometheusModule.register({ controller: MetricsController })],
  providers: [{ provide: Metrics, useFactory: () => new Metrics() }],
  exports: [Metrics],
})
export class MetricsModule {}
