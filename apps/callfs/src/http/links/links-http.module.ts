import { Module } from '@nestjs/common';
import { LinksModule } from '../../use-cases/links/links.module';
import { FilesModule } from '../files/files.module';
import { DownloadsController } from './downloads.controller';
import { LinksController } from './links.controller';

/** Links over HTTP: `/v1/links`, and `/download`. */
@Module({
  imports: [FilesModule, LinksModule],
  controllers: [LinksController, DownloadsController],
})
export class LinksHttpModule {}
