import { Module } from '@nestjs/common';
import { UploadsModule } from '../../use-cases/uploads/uploads.module';
import { FilesModule } from '../files/files.module';
import { UploadsController } from './uploads.controller';

/** Uploads in parts over HTTP: `/v1/uploads`. */
@Module({ imports: [UploadsModule, FilesModule], controllers: [UploadsController] })
export class UploadsHttpModule {}
