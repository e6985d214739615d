import { Module } from '@nestjs/common';
import { MetadataStore } from '@callfs/metadata';
import type { CallfsConfig } from '../../config/config';
import { CALLFS_CONFIG } from '../../config/config.module';
import { AuditLog } from './audit-log';
import { AuditRows } from './audit-rows';
import { AuditService } from './audit.service';

/** Who did what. */
@Module({
  providers: [
    AuditService,
    { provide: AuditRows, inject: [MetadataStore], useFactory: (store: MetadataStore) => new AuditRows(store) },
    {
      provide: AuditLog,
      inject: [AuditRows, CALLFS_CONFIG],
      useFactory: (rows: AuditRows, { audit, instanceDiscovery }: CallfsConfig) =>
        new AuditLog(rows, { ...audit, instanceId: instanceDiscovery.instanceId }),
    },
  ],
  exports: [AuditLog, AuditService],
})
export class AuditModule {}
