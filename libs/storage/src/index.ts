export {
  StorageProvider,
  type BlobBody,
  type Capacity,
  type ReadOptions,
  type StoredObject,
  type WriteOptions,
} from './storage-provider';
