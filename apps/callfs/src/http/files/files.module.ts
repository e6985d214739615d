import { Module } from '@nestjs/common';
import type { CallfsConfig } from '../../config/config';
import { CALLFS_CONFIG } from '../../config/config.module';
import { UseCasesModule } from '../../use-cases/use-cases.module';
import { DirectoriesController } from './directories.controller';
import { EntryViews } from './entry-view';
import { FileFields } from './file-fields';
import { FileResponse } from './file-response';
import { FilesController } from './files.controller';
import { ListingResponse } from './listing-response';
import { Placement } from './placement';
import { OutcomeResponse } from './outcome-response';
import { QuickRead } from './quick-read';
import { QuickWrite } from './quick-write';

/** The tree over HTTP: `/v1/files` and `/v1/directories`. */
@Module({
  imports: [UseCasesModule],
  controllers: [FilesController, DirectoriesController],
  providers: [
    EntryViews,
    FileFields,
    FileResponse,
    ListingResponse,
    OutcomeResponse,
    QuickRead,
    QuickWrite,
    {
      provide: Placement,
      inject: [CALLFS_CONFIG],
      useFactory: ({ backend, instanceDiscovery }: CallfsConfig) =>
        new Placement({ backend: backend.defaultBackend, instanceId: instanceDiscovery.instanceId }),
    },
  ],
  exports: [EntryViews, FileFields, FileResponse, Placement],
})
export class FilesModule {}
