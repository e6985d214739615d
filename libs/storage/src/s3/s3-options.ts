import type { SpoolEvents } from './spool';

export interface S3Options {
  readonly bucketName: string;
  readonly region: string;
  /** Absent: Amazon's own, by region. */
  readonly endpoint?: string;
  /** Both or neither; without them the SDK looks where it usually does (instance role, profile). */
  readonly accessKey?: string;
  readonly secretKey?: string;
  readonly forcePathStyle: boolean;
  /** `AES256`, `aws:kms`, … */
  readonly serverSideEncryption?: string;
  readonly kmsKeyId?: string;
  /** A canned ACL, `private` for one. */
  readonly acl?: string;
  /** How long one request, or a transfer, may stand still. */
  readonly fileOpTimeoutMs: number;
  /** A directory of this process alone, made when it is missing: for parts of uploads that have no place in memory. */
  readonly spoolPath: string;
  /** Told when that directory takes nothing: slow uploads beyond what memory there is wait for each other then. */
  readonly spoolEvents?: SpoolEvents;
  /** Memory for parts on their way, of all uploads together. */
  readonly uploadBufferBytes?: number;
}
