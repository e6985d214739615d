export { AddressRanges, clientNetwork, isAddressRange, plainAddress } from './address-ranges';
export type { ByteRange } from './byte-range';
export { makeDurableDirectory, syncDirectory } from './durable-directory';
export { CallfsError, type ErrorCode, type ErrorDetails } from './callfs-error';
export {
  ROOT_INODE,
  type AccessAttributes,
  type Content,
  type ContentId,
  type DirectoryEntry,
  type FileType,
  type Inode,
  type InodeId,
  type Replica,
} from './inode';
export { patience } from './patience';
export { unlessAborted } from './unless-aborted';
export { isStorageKey, newStorageKey, type StorageKey } from './storage-key';
export { THREAD_MEMORY } from './thread-memory';
export { formatRfc3339, msToNs, nowNs, nsToMs, parseEpochSeconds, parseRfc3339, type EpochNs } from './timestamp';
export {
  EXECUTE,
  isInGroup,
  isSuperuser,
  mayAccess,
  PERMISSION_BITS,
  READ,
  SETGID,
  SETUID,
  STICKY,
  stickyForbids,
  WRITE,
  type Credentials,
} from './unix-permission';
export { NAME_MAX_BYTES, PATH_MAX_BYTES, VirtualPath } from './virtual-path';
