import { Client } from './client';
import { must } from './fixture';
import type { TestServer } from './server';

export interface KeyWishes {
  readonly user?: string;
  readonly path?: string;
  readonly verbs?: readonly string[];
  readonly expires_in?: string;
}

export interface TestKey {
  readonly id: string;
  readonly key: string;
  /** Talks to the server with the key. */
  readonly client: Client;
}

/** A key that `issuer`, the superuser unless another is given, has made. */
export async function issueKey(server: TestServer, wishes: KeyWishes = {}, issuer: Client = server.client()): Promise<TestKey> {
  const { id, key } = (await must(issuer.postJson('/v1/admin/keys', { name: 'test', ...wishes }))).json as TestKey;
  return { id, key, client: new Client(() => server.url, key) };
}

export function revokeKey(server: TestServer, id: string): Promise<unknown> {
  return must(server.client().request('DELETE', `/v1/admin/keys/${id}`));
}
