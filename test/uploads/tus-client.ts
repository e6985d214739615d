import { Upload, type UploadOptions } from 'tus-js-client';
import type { Answer, Client } from '../support/client';

export const TUS = { 'tus-resumable': '1.0.0' };
export const PART = { ...TUS, 'content-type': 'application/offset+octet-stream' };

/** `Upload-Metadata`. */
export function metadata(values: Record<string, string>): string {
  return Object.entries(values)
    .map(([key, value]) => `${key} ${Buffer.from(value).toString('base64')}`)
    .join(',');
}

/** Begins an upload; the answer to it. */
export function begin(client: Client, size: number | string, values: Record<string, string>, headers = {}): Promise<Answer> {
  const all = { ...TUS, 'upload-length': `${size}`, 'upload-metadata': metadata(values), ...headers };
  return client.request('POST', '/v1/uploads', { headers: all });
}

/** Begins an upload; its path in the URL. */
export async function begun(client: Client, size: number, values: Record<string, string>, headers = {}): Promise<string> {
  const answer = await begin(client, size, values, headers);
  if (answer.status !== 201) throw new Error(`Not begun: ${answer.outcome} ${answer.text}`);
  return answer.header('location') ?? '';
}

export function send(client: Client, upload: string, offset: number, body: string | Buffer, headers = {}): Promise<Answer> {
  return client.request('PATCH', upload, { headers: { ...PART, 'upload-offset': `${offset}`, ...headers }, body });
}

export function status(client: Client, upload: string): Promise<Answer> {
  return client.request('HEAD', upload, { headers: TUS });
}

/** Uploads with tus-js-client until it says that all is well. */
export function upload(
  bytes: Buffer,
  endpoint: string,
  key: string,
  values: Record<string, string>,
  options: Partial<UploadOptions> = {},
): Promise<Upload> {
  return new Promise((resolve, reject) => {
    const transfer: Upload = new Upload(bytes, {
      endpoint: `${endpoint}/v1/uploads`,
      headers: { Authorization: `Bearer ${key}` },
      metadata: values,
      retryDelays: [0, 0, 100],
      onSuccess: () => resolve(transfer),
      onError: reject,
      ...options,
    });
    transfer.start();
  });
}
