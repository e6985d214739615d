import { Module } from '@nestjs/common';
import { UseCasesModule } from '../../use-cases/use-cases.module';
import { LocksController } from './locks.controller';

/** `/v1/admin`: what only the superuser may do. Every controller here carries the `SuperuserGuard`. */
@Module({ imports: [UseCasesModule], controllers: [LocksController] })
export class AdminModule {}
