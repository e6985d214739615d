import {
  CreateBucketCommand,
  GetObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { S3Options } from '@callfs/storage';
import { S3Server } from './s3';
import { DIRECTORY_PREFIX, type ConfigTree } from './server';

const BUCKET = 'callfs-blobs';

/** A bucket on a server of its own, and a look at it past our provider. */
export class TestBucket {
  private constructor(
    readonly server: S3Server,
    private readonly client: S3Client,
    /** Of providers in this process. */
    readonly spoolPath: string,
  ) {}

  static async start(): Promise<TestBucket> {
    const server = await S3Server.start();
    const { endpoint, region, accessKey, secretKey } = server;
    const credentials = { accessKeyId: accessKey, secretAccessKey: secretKey };
    const client = new S3Client({
      endpoint,
      region,
      credentials,
      forcePathStyle: true,
      requestChecksumCalculation: 'WHEN_REQUIRED',
    });
    await client.send(new CreateBucketCommand({ Bucket: BUCKET }));
    return new TestBucket(server, client, await mkdtemp(join(tmpdir(), `${DIRECTORY_PREFIX}spool-`)));
  }

  /** Another bucket on the same server. */
  async makeBesides(name: string): Promise<void> {
    await this.client.send(new CreateBucketCommand({ Bucket: name }));
  }

  options(overrides: Partial<S3Options> = {}): S3Options {
    const { endpoint, region, accessKey, secretKey } = this.server;
    const server = { endpoint, region, accessKey, secretKey, forcePathStyle: true, fileOpTimeoutMs: 10_000 };
    return { bucketName: BUCKET, spoolPath: this.spoolPath, ...server, ...overrides };
  }

  /** Of a node that keeps new content here. */
  configuration(overrides: object = {}): ConfigTree {
    const { bucketName, endpoint, region, accessKey, secretKey } = this.options();
    const s3 = { bucket_name: bucketName, endpoint, region, access_key: accessKey, secret_key: secretKey, ...overrides };
    return { backend: { default_backend: 's3', s3 } };
  }

  /** Objects that are no blobs, and uploads that were not completed. */
  async leftovers(): Promise<string[]> {
    const { Uploads = [] } = await this.client.send(new ListMultipartUploadsCommand({ Bucket: BUCKET }));
    const { Contents = [] } = await this.client.send(new ListObjectsV2Command({ Bucket: BUCKET, Prefix: 'probes/' }));
    return [...Uploads, ...Contents].map(({ Key = '' }) => Key);
  }

  /** The keys of all blobs. */
  async blobs(): Promise<string[]> {
    const { Contents = [] } = await this.client.send(new ListObjectsV2Command({ Bucket: BUCKET, Prefix: 'blobs/' }));
    return Contents.map(({ Key = '' }) => Key.slice('blobs/'.length));
  }

  /** Puts an object among the blobs that no metadata knows. */
  async plant(key: string, bytes: Buffer): Promise<void> {
    await this.client.send(new PutObjectCommand({ Bucket: BUCKET, Key: `blobs/${key}`, Body: bytes }));
  }

  /** Replaces what is stored under a key. */
  async tamper(key: string, change: (bytes: Buffer) => Buffer): Promise<void> {
    const object = { Bucket: BUCKET, Key: `blobs/${key}` };
    const { Body } = await this.client.send(new GetObjectCommand(object));
    const bytes = Buffer.from((await Body?.transformToByteArray()) ?? []);
    await this.client.send(new PutObjectCommand({ ...object, Body: change(bytes) }));
  }

  async stop(): Promise<void> {
    this.client.destroy();
    await rm(this.spoolPath, { recursive: true, force: true });
    await this.server.stop();
  }
}
