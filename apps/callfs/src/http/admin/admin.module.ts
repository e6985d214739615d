import { Module } from '@nestjs/common';
import { UseCasesModule } from '../../use-cases/use-cases.module';
import { UpkeepModule } from '../../use-cases/upkeep/upkeep.module';
import { UploadsModule } from '../../use-cases/uploads/uploads.module';
import { LocksController } from './locks.controller';
import { NodesController } from './nodes.controller';
import { AdminUploadsController } from './uploads.controller';
import { UpkeepController } from './upkeep.controller';

/** `/v1/admin`: what only the superuser may do. Every controller here carries the `SuperuserGuard`. */
@Module({
  imports: [UseCasesModule, UpkeepModule, UploadsModule],
  controllers: [LocksController, NodesController, UpkeepController, AdminUploadsController],
})
export class AdminModule {}
