import { Module } from '@nestjs/common';
import { AccessModule } from '../../use-cases/access/access.module';
import { AllKeysController } from './all-keys.controller';
import { OwnKeysController } from './own-keys.controller';
import { UsersController } from './users.controller';

/** Keys and users. */
@Module({ imports: [AccessModule], controllers: [OwnKeysController, AllKeysController, UsersController] })
export class AccessHttpModule {}
