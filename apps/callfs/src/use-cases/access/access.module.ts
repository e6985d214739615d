import { Module } from '@nestjs/common';
import { MetadataStore } from '@callfs/metadata';
import type { CallfsConfig } from '../../config/config';
import { CALLFS_CONFIG } from '../../config/config.module';
import { PrincipalNames } from '../principal-names';
import { AccessRows } from './access-rows';
import { KeyRing } from './key-ring';
import { KeysService } from './keys.service';
import { UsersService } from './users.service';

/** Who may come in: keys and users that are made while the service runs. */
@Module({
  providers: [
    { provide: AccessRows, inject: [MetadataStore], useFactory: (store: MetadataStore) => new AccessRows(store) },
    KeysService,
    {
      provide: UsersService,
      inject: [MetadataStore, AccessRows, KeyRing, PrincipalNames, CALLFS_CONFIG],
      useFactory: (store: MetadataStore, rows: AccessRows, ring: KeyRing, names: PrincipalNames, { auth }: CallfsConfig) =>
        new UsersService(store, rows, ring, names, auth.createHome),
    },
  ],
  exports: [KeysService, UsersService],
})
export class AccessModule {}
