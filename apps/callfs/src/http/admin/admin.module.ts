import { Module } from '@nestjs/common';
import { UseCasesModule } from '../../use-cases/use-cases.module';
import { UpkeepModule } from '../../use-cases/upkeep/upkeep.module';
import { LocksController } from './locks.controller';
import { NodesController } from './nodes.controller';
import { UpkeepController } from './upkeep.controller';

/** `/v1/admin`: what only the superuser may do. Every controller here carries the `SuperuserGuard`. */
@Module({ imports: [UseCasesModule, UpkeepModule], controllers: [LocksController, NodesController, UpkeepController] })
export class AdminModule {}
