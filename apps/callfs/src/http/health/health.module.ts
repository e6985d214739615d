import { Global, Module } from '@nestjs/common';
import { TerminusModule } from '@nestjs/terminus';
import { HealthChecks } from './health-checks';
import { HealthController } from './health.controller';

/** `/health*`, and `HealthChecks` for whoever has something to check. */
@Global()
@Module({
  imports: [TerminusModule.forRoot({ logger: false })],
  controllers: [HealthController],
  providers: [{ provide: HealthChecks, useFactory: () => new HealthChecks() }],
  exports: [HealthChecks],
})
export class HealthModule {}
