import type { StorageProvider } from '../storage-provider';
import type { S3Options } from './s3-options';

/**
 * Connects to a bucket and tries everything that will be asked of it. Throws a `CallfsError` that names the setting and the
 * next step when the server cannot be reached, or the bucket is missing or forbidden.
 */
export async function openS3(options: S3Options): Promise<StorageProvider> {
  // The SDK says at its first use that versions of 2027 will want a newer Node; ours is pinned.
  process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] ??= 'true';
  // Loaded only where S3 is used: the SDK takes a tenth of a second and 20 MB.
  const { S3Provider } = await import('./s3-provider.js');
  const provider = new S3Provider(options);
  try {
    await provider.start();
    return provider;
  } catch (error) {
    await provider.close();
    throw error;
  }
}
