import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
  type CompletedPart,
  type GetObjectCommandOutput,
  type ListMultipartUploadsCommandInput,
  type ListMultipartUploadsCommandOutput,
  type ListObjectsV2CommandOutput,
  type ObjectCannedACL,
  type S3ClientConfig,
  type ServerSideEncryption,
} from '@aws-sdk/client-s3';
import { giveUpOnSilence } from './patient-retries';
import type { S3Options } from './s3-options';

const ATTEMPTS = 3;
/** Of what waits for nobody but the server. */
const MAX_SOCKETS = 512;

/** What an object may be made with, for a new object and a new upload alike. */
interface ObjectAttributes {
  readonly ACL?: ObjectCannedACL;
  readonly ServerSideEncryption?: ServerSideEncryption;
  readonly SSEKMSKeyId?: string;
}

export interface UnfinishedUpload {
  readonly object: string;
  readonly upload: string;
  readonly sinceMs: number;
}

/** The requests that we make, each bounded in time and retried with jitter by the SDK. Failures are the SDK's own. */
export class S3Requests {
  /** Bounded by the time in which nothing moves. */
  private readonly client: S3Client;
  /**
   * For bodies that a consumer may take slowly: bounded by the time to the head of the answer. Each has its connection for as long
   * as its consumer likes, so there is one for every other.
   */
  private readonly downloads: S3Client;
  private readonly bucket: { readonly Bucket: string };
  private readonly attributes: ObjectAttributes;

  constructor(options: S3Options) {
    const { fileOpTimeoutMs: timeoutMs } = options;
    this.bucket = { Bucket: options.bucketName };
    this.attributes = {
      ACL: options.acl as ObjectCannedACL | undefined,
      ServerSideEncryption: options.serverSideEncryption as ServerSideEncryption | undefined,
      SSEKMSKeyId: options.kmsKeyId,
    };
    this.client = new S3Client(configuration(options, MAX_SOCKETS, { socketTimeout: timeoutMs }));
    const toTheHead = { requestTimeout: timeoutMs, throwOnRequestTimeout: true, socketTimeout: 0 };
    this.downloads = new S3Client(configuration(options, Infinity, toTheHead));
    for (const client of [this.client, this.downloads]) giveUpOnSilence(client);
  }

  async put(object: string, body: Buffer, condition: { readonly IfNoneMatch?: '*' } = {}): Promise<void> {
    const content = { Key: object, Body: body, ContentLength: body.length };
    await this.client.send(new PutObjectCommand({ ...this.bucket, ...this.attributes, ...content, ...condition }));
  }

  /** `attempts`: when it took more than one, an earlier one may have begun an upload whose id never came. */
  async createUpload(object: string): Promise<{ upload: string; attempts: number }> {
    const command = new CreateMultipartUploadCommand({ ...this.bucket, ...this.attributes, Key: object });
    const { UploadId, $metadata } = await this.client.send(command);
    if (UploadId === undefined) throw new Error('the answer has no UploadId');
    return { upload: UploadId, attempts: $metadata.attempts ?? 1 };
  }

  async putPart(object: string, upload: string, number: number, body: Buffer, abortSignal: AbortSignal): Promise<CompletedPart> {
    const part = { UploadId: upload, PartNumber: number, Body: body, ContentLength: body.length };
    const { ETag } = await this.client.send(new UploadPartCommand({ ...this.bucket, Key: object, ...part }), { abortSignal });
    return { PartNumber: number, ETag };
  }

  async completeUpload(object: string, upload: string, parts: CompletedPart[]): Promise<void> {
    const command = { ...this.bucket, Key: object, UploadId: upload, MultipartUpload: { Parts: parts } };
    await this.client.send(new CompleteMultipartUploadCommand(command));
  }

  async abortUpload(object: string, upload: string): Promise<void> {
    await this.client.send(new AbortMultipartUploadCommand({ ...this.bucket, Key: object, UploadId: upload }));
  }

  /** All uploads of objects that begin with `prefix` and that were not completed. */
  async *uploads(prefix: string): AsyncGenerator<UnfinishedUpload> {
    let after: { KeyMarker?: string; UploadIdMarker?: string } | undefined = {};
    while (after) {
      const query: ListMultipartUploadsCommandInput = { ...this.bucket, Prefix: prefix, ...after };
      const page: ListMultipartUploadsCommandOutput = await this.client.send(new ListMultipartUploadsCommand(query));
      for (const { Key, UploadId, Initiated } of page.Uploads ?? [])
        if (Key && UploadId) yield { object: Key, upload: UploadId, sinceMs: Initiated?.getTime() ?? Date.now() };
      after = page.IsTruncated ? { KeyMarker: page.NextKeyMarker, UploadIdMarker: page.NextUploadIdMarker } : undefined;
    }
  }

  /** `range` as the header has it. */
  async get(object: string, range: string | undefined, abortSignal: AbortSignal): Promise<GetObjectCommandOutput> {
    return this.downloads.send(new GetObjectCommand({ ...this.bucket, Key: object, Range: range }), { abortSignal });
  }

  /** All of a small object. */
  async getWhole(object: string): Promise<Buffer> {
    const { Body } = await this.client.send(new GetObjectCommand({ ...this.bucket, Key: object }));
    return Buffer.from((await Body?.transformToByteArray()) ?? []);
  }

  async size(object: string): Promise<number> {
    const { ContentLength } = await this.client.send(new HeadObjectCommand({ ...this.bucket, Key: object }));
    return ContentLength ?? 0;
  }

  async delete(object: string): Promise<void> {
    await this.client.send(new DeleteObjectCommand({ ...this.bucket, Key: object }));
  }

  async list(prefix: string, limit: number, token?: string): Promise<ListObjectsV2CommandOutput> {
    const query = { Prefix: prefix, MaxKeys: limit, ContinuationToken: token };
    return this.client.send(new ListObjectsV2Command({ ...this.bucket, ...query }));
  }

  close(): void {
    this.client.destroy();
    this.downloads.destroy();
  }
}

function configuration(options: S3Options, maxSockets: number, timeouts: object): S3ClientConfig {
  const { accessKey, secretKey } = options;
  return {
    region: options.region,
    endpoint: options.endpoint,
    forcePathStyle: options.forcePathStyle,
    credentials: accessKey && secretKey ? { accessKeyId: accessKey, secretAccessKey: secretKey } : undefined,
    maxAttempts: ATTEMPTS,
    retryMode: 'standard',
    // Servers other than Amazon's refuse or garble the checksums that the SDK would add on its own.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    // The SDK would open a connection of its own for each part that it announces so.
    expectContinueHeader: false,
    requestHandler: {
      ...timeouts,
      connectionTimeout: Math.min(options.fileOpTimeoutMs, 5_000),
      httpAgent: { maxSockets, keepAlive: true },
      httpsAgent: { maxSockets, keepAlive: true },
    },
  };
}
