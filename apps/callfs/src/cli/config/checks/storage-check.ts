import { accessSync, constants, existsSync, statfsSync, statSync } from 'node:fs';
import { HeadBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { CallfsError } from '@callfs/core';
import { RootClaim } from '@callfs/storage';
import type { BackendConfig, S3Config } from '../../../config/config';
import { StartupError } from '../../../config/startup/startup-error';
import { nearestExisting } from './nearest-existing';
import type { Seen } from './check';

export async function checkStorage({ localfsRootPath, s3 }: BackendConfig, timeoutMs: number): Promise<Seen> {
  const local = checkLocalfs(localfsRootPath);
  if (!s3) return local;
  return { saw: `${local.saw}; ${await checkBucket(s3, timeoutMs)}` };
}

function checkLocalfs(root: string): Seen {
  const key = 'backend.localfs_root_path';
  const there = nearestExisting(root);
  if (!statSync(there).isDirectory())
    throw new StartupError({ kind: 'storage', key, reason: `${there} is not a directory`, next: 'Name a directory.' });
  accessSync(there, constants.R_OK | constants.W_OK | constants.X_OK);
  RootClaim.refuseHeld(root);
  const { bavail, bsize } = statfsSync(there);
  if (bavail === 0)
    throw new StartupError({ kind: 'storage', key, reason: `the disk of ${root} is full`, next: 'Free some space.' });
  const free = `${((bavail * bsize) / 2 ** 30).toFixed(1)} GiB free`;
  return { saw: existsSync(root) ? `${root} is writable, ${free}` : `${root} will be made, ${free}` };
}

async function checkBucket(s3: S3Config, timeoutMs: number): Promise<string> {
  const { accessKey, secretKey, region, endpoint, forcePathStyle, bucketName } = s3;
  const credentials = accessKey && secretKey ? { accessKeyId: accessKey, secretAccessKey: secretKey } : undefined;
  const client = new S3Client({ region, endpoint, forcePathStyle, credentials, maxAttempts: 1 });
  try {
    await client.send(new HeadBucketCommand({ Bucket: bucketName }), { abortSignal: AbortSignal.timeout(timeoutMs) });
    return `bucket "${bucketName}" answers`;
  } catch (cause) {
    throw new CallfsError('BACKEND_UNAVAILABLE', 'S3 cannot be used', { cause });
  } finally {
    client.destroy();
  }
}
