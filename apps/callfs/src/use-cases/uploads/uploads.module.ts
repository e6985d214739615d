import { Module } from '@nestjs/common';
import { MetadataStore } from '@callfs/metadata';
import { StorageProviders } from '@callfs/storage';
import type { CallfsConfig } from '../../config/config';
import { CALLFS_CONFIG } from '../../config/config.module';
import { BlobOwnership } from '../blob-ownership';
import { Collector } from '../collector';
import { ContentStager } from '../content-stager';
import { FilesService } from '../files.service';
import { UseCasesModule } from '../use-cases.module';
import { UploadBlobs } from './upload-blobs';
import { UPLOAD_EXPIRY_OBSERVER, UploadExpiry, type UploadExpiryObserver } from './upload-expiry';
import { UploadFinisher } from './upload-finisher';
import { UploadReceiver } from './upload-receiver';
import { UploadSessions } from './upload-sessions';
import { UploadTable } from './upload-table';
import { UploadsService } from './uploads.service';

/** Uploads in parts, on top of the use cases of files. */
@Module({
  imports: [UseCasesModule],
  providers: [
    { provide: UploadSessions, useFactory: () => new UploadSessions() },
    {
      provide: UploadTable,
      inject: [MetadataStore, CALLFS_CONFIG],
      useFactory: ({ tables }: MetadataStore, { storage }: CallfsConfig) => new UploadTable(tables, storage.uploadExpiryMs),
    },
    {
      provide: UploadBlobs,
      inject: [MetadataStore, StorageProviders, BlobOwnership, Collector],
      useFactory: (...args: [MetadataStore, StorageProviders, BlobOwnership, Collector]) => new UploadBlobs(...args),
    },
    {
      provide: UploadReceiver,
      inject: [UploadTable, UploadBlobs, StorageProviders, CALLFS_CONFIG],
      useFactory: (table: UploadTable, blobs: UploadBlobs, providers: StorageProviders, { instanceDiscovery }: CallfsConfig) =>
        new UploadReceiver(table, blobs, providers.default, instanceDiscovery.instanceId),
    },
    {
      provide: UploadFinisher,
      inject: [UploadTable, UploadBlobs, FilesService, ContentStager],
      useFactory: (...args: [UploadTable, UploadBlobs, FilesService, ContentStager]) => new UploadFinisher(...args),
    },
    {
      provide: UploadsService,
      inject: [UploadTable, UploadSessions, UploadReceiver, UploadFinisher, UploadBlobs, FilesService],
      useFactory: (...args: [UploadTable, UploadSessions, UploadReceiver, UploadFinisher, UploadBlobs, FilesService]) =>
        new UploadsService(...args),
    },
    {
      provide: UploadExpiry,
      inject: [UploadTable, UploadsService, CALLFS_CONFIG, UPLOAD_EXPIRY_OBSERVER],
      useFactory: (table: UploadTable, uploads: UploadsService, { storage }: CallfsConfig, observe: UploadExpiryObserver) =>
        new UploadExpiry(table, uploads, storage.uploadExpiryMs, observe),
    },
  ],
  exports: [UploadsService],
})
export class UploadsModule {}
