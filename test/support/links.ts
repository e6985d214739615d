import type { OutgoingHttpHeaders } from 'node:http';
import type { Answer, Client } from './client';

/** A link as the one who made it knows it. */
export interface MadeLink {
  readonly id: string;
  readonly url: string;
  readonly token: string;
  readonly expires_at: string;
  readonly max_uses: number;
}

/** Makes a link, which has to succeed. */
export async function makeLink(client: Client, path: string, options: Record<string, unknown> = {}): Promise<MadeLink> {
  const answer = await client.postJson('/v1/links/generate', { path, expiry_seconds: 600, ...options });
  if (answer.status !== 201) throw new Error(`No link: ${answer.outcome} ${answer.text}`);
  return answer.json as MadeLink;
}

/** Uses a link, without a key. */
export function download(
  anonymous: Client,
  token: string,
  headers: OutgoingHttpHeaders = {},
  options: { method?: string; localAddress?: string } = {},
): Promise<Answer> {
  const { method = 'GET', localAddress } = options;
  return anonymous.request(method, `/download/${token}`, { headers, localAddress });
}

let address = 0;

/** An address of this machine that no other test of the file has called from. */
export function newAddress(): string {
  address++;
  return `127.7.${address >> 8}.${address & 255 || 1}`;
}
