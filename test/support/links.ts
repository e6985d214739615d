import { request, type OutgoingHttpHeaders } from 'node:http';
import type { Answer, Client } from './client';
import { must } from './fixture';

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

/** How many uses of a link are spent. */
export async function usesOf(client: Client, id: string): Promise<number> {
  const { items } = (await must(client.request('GET', '/v1/links'))).json as { items: { id: string; uses: number }[] };
  return items.find((item) => item.id === id)?.uses ?? -1;
}

/** A download that broke: what came of it, and what continues it. */
export interface BrokenDownload {
  readonly status: number;
  readonly bytes: Buffer;
  readonly etag: string;
  readonly ticket: string;
  readonly cookie: string;
}

/** Begins a download and lets the connection break after at least so many bytes. */
export function breakOff(
  { host, port }: { readonly host: string; readonly port: number },
  token: string,
  after: number,
  headers: Record<string, string> = {},
): Promise<BrokenDownload> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ host, port, path: `/download/${token}`, headers, agent: false }, (incoming) => {
      const chunks: Buffer[] = [];
      let length = 0;
      incoming.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        length += chunk.length;
        if (length < after) return;
        incoming.removeAllListeners('data');
        outgoing.destroy();
        resolve({
          status: incoming.statusCode ?? 0,
          bytes: Buffer.concat(chunks),
          etag: incoming.headers.etag ?? '',
          ticket: String(incoming.headers['x-callfs-resume-ticket']),
          cookie: incoming.headers['set-cookie']?.[0] ?? '',
        });
      });
      incoming.on('error', () => undefined);
    });
    outgoing.on('error', reject);
    outgoing.end();
  });
}

/** The fields that ask for what a download that broke still lacks. */
export function rest({ etag, ticket, bytes }: BrokenDownload, from = bytes.length) {
  return { range: `bytes=${from}-`, 'if-range': etag, 'x-callfs-resume-ticket': ticket };
}
