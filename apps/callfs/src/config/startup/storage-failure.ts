import type { BackendConfig, S3Config } from '../config';
import { unreachable, type NativeCause } from './native-cause';
import { StartupError, type StartupKind } from './startup-error';

/** A storage backend that could not be opened. Undefined when none of the causes is known. */
export function explainStorage(backend: BackendConfig, causes: readonly NativeCause[], cause: unknown): StartupError | undefined {
  return (backend.s3 && explainS3(backend.s3, causes, cause)) ?? explainLocalfs(backend.localfsRootPath, causes, cause);
}

function explainS3(s3: S3Config, causes: readonly NativeCause[], cause: unknown): StartupError | undefined {
  const where = `bucket "${s3.bucketName}" at ${s3.endpoint ?? `AWS (${s3.region})`}`;
  const fail = (key: string, reason: string, next: string, kind: StartupKind = 'storage') =>
    new StartupError({ kind, key: `backend.s3.${key}`, reason, next, cause });
  for (const { name, code } of causes) {
    switch (code === '' ? name : code) {
      case 'NoSuchBucket':
      case 'NotFound':
        return fail('bucket_name', `there is no ${where}`, 'Make the bucket, or correct its name, region and endpoint.');
      case 'AccessDenied':
      case 'Forbidden':
      case '403':
        return fail(
          'access_key',
          `access to the ${where} is forbidden`,
          'Allow this key s3:ListBucket, s3:GetObject, s3:PutObject and s3:DeleteObject there.',
        );
      case 'InvalidAccessKeyId':
        return fail('access_key', `the access key is not known for the ${where}`, 'Correct backend.s3.access_key.');
      case 'SignatureDoesNotMatch':
        return fail('secret_key', `the secret key is wrong for the ${where}`, 'Correct backend.s3.secret_key.');
      case 'CredentialsProviderError':
        return fail(
          'access_key',
          `there are no credentials for the ${where}`,
          'Set backend.s3.access_key and backend.s3.secret_key, or give the machine a role.',
        );
      case 'PermanentRedirect':
      case 'AuthorizationHeaderMalformed':
        return fail('region', `the ${where} is in another region`, 'Correct backend.s3.region.');
    }
  }
  const why = unreachable(causes);
  const key = s3.endpoint === undefined ? 'region' : 'endpoint';
  return why === undefined
    ? undefined
    : fail(key, `cannot connect to the ${where}: ${why}`, 'Check that it runs and that the address is right.', 'dependency');
}

function explainLocalfs(root: string, causes: readonly NativeCause[], cause: unknown): StartupError | undefined {
  const fail = (reason: string, next: string) =>
    new StartupError({ kind: 'storage', key: 'backend.localfs_root_path', reason, next, cause });
  for (const { code } of causes) {
    if (['EACCES', 'EPERM', 'EROFS'].includes(code))
      return fail(
        `the directory ${root} is not writable (${code})`,
        'Give the user that runs CallFS write permission on it, or name another.',
      );
    if (['ENOENT', 'ENOTDIR', 'EEXIST'].includes(code))
      return fail(`${root} is not a directory and cannot be made one (${code})`, 'Make it, or name another.');
    if (['ENOSPC', 'EDQUOT'].includes(code))
      return fail(`the disk of ${root} is full`, 'Free some space, or name a directory on another disk.');
  }
  return undefined;
}
