import { Module } from '@nestjs/common';
import { UseCasesModule } from '../../use-cases/use-cases.module';
import { FilesModule } from '../files/files.module';
import { SocketsController } from './sockets.controller';

/** Files over WebSockets. */
@Module({ imports: [UseCasesModule, FilesModule], controllers: [SocketsController] })
export class SocketsHttpModule {}
