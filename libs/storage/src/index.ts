export {
  StorageProvider,
  type ActingUser,
  type BlobBody,
  type Capacity,
  type ListedObject,
  type ReadOptions,
  type StoredObject,
  type WriteOptions,
} from './storage-provider';
export { GUEST_PREFIX, OWNER_MARK, PlaceMarks, type Claims } from './place-marks';
export { damagedBlob, damageIn } from './blob-errors';
export { StorageProviders, type PeerBackends } from './storage-providers';
export { StorageModule, type StorageModuleOptions } from './storage.module';
export { openLocalfs, type LocalfsOptions, type LocalfsProvider } from './localfs/localfs-provider';
export { RootClaim } from './localfs/root-claim';
export { openS3 } from './s3/open-s3';
export type { S3Options } from './s3/s3-options';
export type { SpoolEvents } from './s3/spool';
export type { PeerAnswer, PeerLink, PeerRequest } from './peer/peer-link';
export { PEER_BLOBS, PeerProvider, wrongAnswer } from './peer/peer-provider';
