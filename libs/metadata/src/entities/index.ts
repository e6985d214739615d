import { AccessRevisionEntity, AccountEntity, ApiKeyEntity } from './access.entity';
import { AuditEntity } from './audit.entity';
import { AdoptedPlaceEntity, DetachedEntity, FenceEntity, StatisticEntity, StoreEntity } from './bookkeeping.entity';
import { CollectEntity, ContentEntity, ReplicaEntity } from './content.entity';
import { DentryEntity } from './dentry.entity';
import { InodeEntity } from './inode.entity';
import { LinkEntity, LinkUseEntity } from './link.entity';
import { NodeEntity } from './node.entity';
import { PrincipalEntity } from './principal.entity';
import { UploadEntity, UploadPartEntity } from './upload.entity';
import { DamageEntity, ScrubEntity, SweepEntity } from './upkeep.entity';

export const ENTITIES = [
  InodeEntity,
  DentryEntity,
  ContentEntity,
  ReplicaEntity,
  CollectEntity,
  PrincipalEntity,
  FenceEntity,
  DetachedEntity,
  StatisticEntity,
  StoreEntity,
  AdoptedPlaceEntity,
  NodeEntity,
  UploadEntity,
  UploadPartEntity,
  LinkEntity,
  LinkUseEntity,
  ApiKeyEntity,
  AccountEntity,
  AccessRevisionEntity,
  AuditEntity,
  SweepEntity,
  ScrubEntity,
  DamageEntity,
];
