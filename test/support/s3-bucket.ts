import {
  CreateBucketCommand,
  GetObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { S3Options } from '@callfs/storage';
import type { S3Place } from './s3';
import { DIRECTORY_PREFIX, type ConfigTree } from './server';
import { askForS3 } from './shared-s3';

/** A bucket of its own, and a look at it past our provider. */
export class TestBucket {
  private readonly name = `callfs-${randomBytes(6).toString('hex')}`;

  private constructor(
    readonly server: S3Place,
    private readonly client: S3Client,
    /** Of providers in this process. */
    readonly spoolPath: string,
  ) {}

  /** On the server of this run, or on `server`. */
  static async start(server?: S3Place): Promise<TestBucket> {
    const place = server ?? (await askForS3());
    const { endpoint, region, accessKey, secretKey } = place;
    const credentials = { accessKeyId: accessKey, secretAccessKey: secretKey };
    const client = new S3Client({
      endpoint,
      region,
      credentials,
      forcePathStyle: true,
      requestChecksumCalculation: 'WHEN_REQUIRED',
    });
    const bucket = new TestBucket(place, client, await mkdtemp(join(tmpdir(), `${DIRECTORY_PREFIX}spool-`)));
    await client.send(new CreateBucketCommand({ Bucket: bucket.name }));
    return bucket;
  }

  /** Another bucket on the same server; its name. */
  async makeBesides(): Promise<string> {
    const name = `${this.name}-other`;
    await this.client.send(new CreateBucketCommand({ Bucket: name }));
    return name;
  }

  options(overrides: Partial<S3Options> = {}): S3Options {
    const { endpoint, region, accessKey, secretKey } = this.server;
    const server = { endpoint, region, accessKey, secretKey, forcePathStyle: true, fileOpTimeoutMs: 10_000 };
    return { bucketName: this.name, spoolPath: this.spoolPath, ...server, ...overrides };
  }

  /** Of a node that keeps new content here. */
  configuration(overrides: object = {}): ConfigTree {
    const { bucketName, endpoint, region, accessKey, secretKey } = this.options();
    const s3 = { bucket_name: bucketName, endpoint, region, access_key: accessKey, secret_key: secretKey, ...overrides };
    return { backend: { default_backend: 's3', s3 } };
  }

  /** Objects that are no blobs, and uploads that were not completed. */
  async leftovers(): Promise<string[]> {
    const { Uploads = [] } = await this.client.send(new ListMultipartUploadsCommand({ Bucket: this.name }));
    const { Contents = [] } = await this.client.send(new ListObjectsV2Command({ Bucket: this.name, Prefix: 'probes/' }));
    return [...Uploads, ...Contents].map(({ Key = '' }) => Key);
  }

  /** The keys of all blobs. */
  async blobs(): Promise<string[]> {
    const { Contents = [] } = await this.client.send(new ListObjectsV2Command({ Bucket: this.name, Prefix: 'blobs/' }));
    return Contents.map(({ Key = '' }) => Key.slice('blobs/'.length));
  }

  /** Puts an object among the blobs that no metadata knows. */
  async plant(key: string, bytes: Buffer): Promise<void> {
    await this.client.send(new PutObjectCommand({ Bucket: this.name, Key: `blobs/${key}`, Body: bytes }));
  }

  /** Replaces what is stored under a key. */
  async tamper(key: string, change: (bytes: Buffer) => Buffer): Promise<void> {
    const object = { Bucket: this.name, Key: `blobs/${key}` };
    const { Body } = await this.client.send(new GetObjectCommand(object));
    const bytes = Buffer.from((await Body?.transformToByteArray()) ?? []);
    await this.client.send(new PutObjectCommand({ ...object, Body: change(bytes) }));
  }

  async stop(): Promise<void> {
    this.client.destroy();
    await rm(this.spoolPath, { recursive: true, force: true });
  }
}
