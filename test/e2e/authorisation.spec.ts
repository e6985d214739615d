import { beforeAll, describe, expect, it } from 'vitest';
import { Answer, fileTarget, type Client } from '../support/client';
import { freshDirectory, must } from '../support/fixture';
import { makeLink, type MadeLink } from '../support/links';
import { issueKey } from '../support/keys';
import { overSocket } from '../support/sockets';
import { useServer } from '../support/use-server';
import { begin, begun, PART, send, status, TUS } from '../uploads/tus-client';

/**
 * A4: every route × who asks. `reader` meets things that others may read, `writer` things that its group may write,
 * `other owner` owns files elsewhere and meets what is closed to it. A `limited key` is one of the superuser's for another directory. A route without a row here fails the build.
 */
const ROLES = ['no key', 'reader', 'writer', 'other owner', 'superuser', 'limited key'] as const;

interface Row {
  readonly act: (client: Client, path: string) => Promise<Answer>;
  /** One for each role. */
  readonly statuses: readonly [number, number, number, number, number, number];
}

const open = (target: string, method = 'GET'): Row => ({
  act: (client) => client.request(method, target),
  statuses: [200, 200, 200, 200, 200, 200],
});
const anyKey = (target: string, method = 'GET'): Row => ({ ...open(target, method), statuses: [401, 200, 200, 200, 200, 200] });
const superuser = (target: string, method = 'GET'): Row => ({
  ...open(target, method),
  statuses: [401, 403, 403, 403, 200, 403],
});

const postJson = (client: Client, target: string, body: unknown) =>
  client.request('POST', target, { localAddress, headers: json, body: JSON.stringify(body) });

/** A link that the superuser has made. */
async function aLink(): Promise<MadeLink> {
  const path = `${await freshDirectory(root)}/file`;
  await must(root.put(path, 'content'));
  return makeLink(root, path);
}

const json = { 'content-type': 'application/json' };
/** From an address of its own, for failed authentications are limited for each. */
const localAddress = '127.3.0.1';

/** `path` is a file in a directory; both are as the role meets them. */
const TABLE: Readonly<Record<string, Row>> = {
  'GET /v1/files/{path}': {
    act: (client, path) => client.request('GET', fileTarget(path), { localAddress }),
    statuses: [401, 200, 200, 403, 200, 403],
  },
  'HEAD /v1/files/{path}': {
    act: (client, path) => client.request('HEAD', fileTarget(path), { localAddress }),
    statuses: [401, 200, 200, 403, 200, 403],
  },
  'PUT /v1/files/{path}': {
    act: (client, path) => client.request('PUT', fileTarget(path), { localAddress, body: 'new' }),
    statuses: [401, 403, 200, 403, 200, 403],
  },
  'POST /v1/files/{path}': {
    act: (client, path) => client.request('POST', fileTarget(`${path}-new`), { localAddress, body: 'new' }),
    statuses: [401, 403, 201, 403, 201, 403],
  },
  'PATCH /v1/files/{path}': {
    act: (client, path) => client.request('PATCH', fileTarget(path), { localAddress, headers: json, body: '{"name":"moved"}' }),
    statuses: [401, 403, 200, 403, 200, 403],
  },
  'DELETE /v1/files/{path}': {
    act: (client, path) => client.request('DELETE', fileTarget(path), { localAddress }),
    statuses: [401, 403, 204, 403, 204, 403],
  },
  'GET /v1/directories/{path}': {
    act: (client, path) => client.request('GET', `/v1/directories${path.slice(0, path.lastIndexOf('/'))}`, { localAddress }),
    statuses: [401, 200, 200, 403, 200, 403],
  },
  'HEAD /v1/directories/{path}': {
    act: (client, path) => client.request('HEAD', `/v1/directories${path.slice(0, path.lastIndexOf('/'))}`, { localAddress }),
    statuses: [401, 200, 200, 403, 200, 403],
  },
  'GET /v1/files/ws/{path}': {
    act: (client, path) => socketAnswer(client, path),
    statuses: [401, 101, 101, 403, 101, 403],
  },
  // Not a request for a socket: an ordinary path.
  'HEAD /v1/files/ws/{path}': {
    act: (client) => client.request('HEAD', '/v1/files/ws/none', { localAddress }),
    statuses: [401, 404, 404, 404, 404, 403],
  },
  'OPTIONS /v1/uploads': { ...anyKey('/v1/uploads', 'OPTIONS'), statuses: [401, 204, 204, 204, 204, 204] },
  'POST /v1/uploads': {
    act: (client, path) => begin(client, 3, { path: `${path}-new` }),
    statuses: [401, 403, 201, 403, 201, 403],
  },
  // An upload is its owner's alone: this one is the superuser's.
  'HEAD /v1/uploads/{id}': {
    act: async (client) => status(client, await begun(root, 3, { path: '/never' })),
    statuses: [401, 404, 404, 404, 200, 403],
  },
  'PATCH /v1/uploads/{id}': {
    act: async (client) => send(client, await begun(root, 3, { path: '/never' }), 0, 'ab'),
    statuses: [401, 404, 404, 404, 204, 403],
  },
  'POST /v1/uploads/{id}': {
    act: async (client) => {
      const headers = { ...PART, 'upload-offset': '0', 'x-http-method-override': 'PATCH' };
      return client.request('POST', await begun(root, 3, { path: '/never' }), { headers, body: 'ab' });
    },
    statuses: [401, 404, 404, 404, 204, 403],
  },
  'DELETE /v1/uploads/{id}': {
    act: async (client) => client.request('DELETE', await begun(root, 3, { path: '/never' }), { headers: TUS }),
    statuses: [401, 404, 404, 404, 204, 403],
  },
  'GET /v1/admin/nodes': superuser('/v1/admin/nodes'),
  'HEAD /v1/admin/nodes': superuser('/v1/admin/nodes', 'HEAD'),
  'DELETE /v1/admin/nodes/{id}': { ...open('/v1/admin/nodes/none', 'DELETE'), statuses: [401, 403, 403, 403, 404, 403] },
  'GET /v1/admin/uploads': superuser('/v1/admin/uploads'),
  'HEAD /v1/admin/uploads': superuser('/v1/admin/uploads', 'HEAD'),
  'DELETE /v1/admin/uploads/{id}': superuser('/v1/admin/uploads/none', 'DELETE'),
  'GET /v1/admin/locks': superuser('/v1/admin/locks'),
  'HEAD /v1/admin/locks': superuser('/v1/admin/locks', 'HEAD'),
  'GET /v1/admin/locks/check': superuser('/v1/admin/locks/check'),
  'HEAD /v1/admin/locks/check': superuser('/v1/admin/locks/check', 'HEAD'),
  'POST /v1/admin/locks/clear': {
    act: (client) => client.request('POST', '/v1/admin/locks/clear', { headers: json, body: '{"ids":["none"]}' }),
    statuses: [401, 403, 403, 403, 200, 403],
  },
  'DELETE /v1/admin/locks/{id}': superuser('/v1/admin/locks/none', 'DELETE'),
  'POST /v1/links/generate': {
    act: (client, path) => postJson(client, '/v1/links/generate', { path, expiry_seconds: 60 }),
    statuses: [401, 201, 201, 403, 201, 403],
  },
  'GET /v1/links': { ...anyKey('/v1/links'), statuses: [401, 200, 200, 200, 200, 403] },
  'HEAD /v1/links': { ...anyKey('/v1/links', 'HEAD'), statuses: [401, 200, 200, 200, 200, 403] },
  // Of somebody else: the superuser alone reaches it, to others it is not there.
  'DELETE /v1/links/{id}': {
    act: async (client) => client.request('DELETE', `/v1/links/${(await aLink()).id}`, { localAddress }),
    statuses: [401, 404, 404, 404, 204, 403],
  },
  'GET /download/{token}': {
    act: async (client) => client.request('GET', `/download/${(await aLink()).token}`, { localAddress }),
    statuses: [200, 200, 200, 200, 200, 200],
  },
  'HEAD /download/{token}': {
    act: async (client) => client.request('HEAD', `/download/${(await aLink()).token}`, { localAddress }),
    statuses: [200, 200, 200, 200, 200, 200],
  },
  'GET /v1/keys': anyKey('/v1/keys'),
  'HEAD /v1/keys': anyKey('/v1/keys', 'HEAD'),
  'POST /v1/keys': {
    act: (client) => client.request('POST', '/v1/keys', { headers: json, body: '{"name":"own"}' }),
    statuses: [401, 201, 201, 201, 201, 403],
  },
  'DELETE /v1/keys/{id}': { ...anyKey('/v1/keys/none', 'DELETE'), statuses: [401, 404, 404, 404, 404, 404] },
  'GET /v1/admin/keys': superuser('/v1/admin/keys'),
  'HEAD /v1/admin/keys': superuser('/v1/admin/keys', 'HEAD'),
  'POST /v1/admin/keys': {
    act: (client) => client.request('POST', '/v1/admin/keys', { headers: json, body: '{"name":"any","user":"bob"}' }),
    statuses: [401, 403, 403, 403, 201, 403],
  },
  'DELETE /v1/admin/keys/{id}': {
    ...superuser('/v1/admin/keys/none', 'DELETE'),
    statuses: [401, 403, 403, 403, 404, 403],
  },
  'GET /v1/admin/audit': superuser('/v1/admin/audit'),
  'HEAD /v1/admin/audit': superuser('/v1/admin/audit', 'HEAD'),
  'GET /v1/admin/users': superuser('/v1/admin/users'),
  'HEAD /v1/admin/users': superuser('/v1/admin/users', 'HEAD'),
  'POST /v1/admin/users': {
    act: (client) => client.request('POST', '/v1/admin/users', { headers: json, body: '{"name":"new"}' }),
    statuses: [401, 403, 403, 403, 201, 403],
  },
  'DELETE /v1/admin/users/{name}': {
    ...superuser('/v1/admin/users/none', 'DELETE'),
    statuses: [401, 403, 403, 403, 404, 403],
  },
  'GET /metrics': anyKey('/metrics'),
  'HEAD /metrics': anyKey('/metrics', 'HEAD'),
  'GET /health': open('/health'),
  'HEAD /health': open('/health', 'HEAD'),
  'GET /health/live': open('/health/live'),
  'HEAD /health/live': open('/health/live', 'HEAD'),
  'GET /health/ready': open('/health/ready'),
  'HEAD /health/ready': open('/health/ready', 'HEAD'),
  'GET /docs': open('/docs'),
  'GET /docs-json': open('/docs-json'),
  'GET /v1/admin/gc': superuser('/v1/admin/gc'),
  'HEAD /v1/admin/gc': superuser('/v1/admin/gc', 'HEAD'),
  'POST /v1/admin/gc': superuser('/v1/admin/gc', 'POST'),
  'GET /v1/admin/fsck': superuser('/v1/admin/fsck'),
  'HEAD /v1/admin/fsck': superuser('/v1/admin/fsck', 'HEAD'),
  'POST /v1/admin/fsck': superuser('/v1/admin/fsck', 'POST'),
  'GET /v1/admin/scrub': superuser('/v1/admin/scrub'),
  'HEAD /v1/admin/scrub': superuser('/v1/admin/scrub', 'HEAD'),
  'POST /v1/admin/scrub': superuser('/v1/admin/scrub', 'POST'),
  'GET /debug/pprof/heap': superuser('/debug/pprof/heap'),
  'HEAD /debug/pprof/heap': superuser('/debug/pprof/heap', 'HEAD'),
  'HEAD /debug/pprof/profile': superuser('/debug/pprof/profile?seconds=1', 'HEAD'),
  'HEAD /debug/pprof/trace': superuser('/debug/pprof/trace?seconds=1', 'HEAD'),
  'GET /debug/pprof/profile': superuser('/debug/pprof/profile?seconds=1'),
  'GET /debug/pprof/trace': superuser('/debug/pprof/trace?seconds=1'),
};

/** What a request for a socket is answered by. */
async function socketAnswer(client: Client, path: string): Promise<Answer> {
  const { status, headers, text } = await overSocket(server, client, path, 'mode=download');
  return new Answer(status, headers, Buffer.from(text));
}

const server = useServer({ config: { debug: { profiling: true }, rate_limits: { download: 'off', link_generation: 'off' } } });
let root: Client;
let limited: Client;

beforeAll(async () => {
  root = server.client();
  limited = (await issueKey(server, { path: '/another' })).client;
});

/** The client of a role, and a file as it meets it. */
async function meet(role: (typeof ROLES)[number]): Promise<{ client: Client; path: string }> {
  const directory = await freshDirectory(root);
  const path = `${directory}/file`;
  await must(root.put(path, 'content'));
  const closed = role === 'other owner';
  await must(root.patch(path, { group: 3000, mode: closed ? '0600' : '0664' }));
  await must(root.patch(directory, { group: 3000, mode: closed ? '0700' : '0775' }));
  const clients = {
    'no key': server.anonymous(),
    reader: server.client('carol'),
    writer: server.client('bob'),
    'other owner': server.client('alice'),
    superuser: root,
    'limited key': limited,
  };
  return { client: clients[role], path };
}

describe('A4 every registered route × no key, reader, writer, other owner, superuser, limited key', () => {
  it('has a row for every route that the OpenAPI document has, and no other', async () => {
    const document = (await root.request('GET', '/docs-json')).json as { paths: Record<string, Record<string, unknown>> };
    const routes = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );

    expect(Object.keys(TABLE).sort()).toEqual(routes.sort());
  });

  describe.each(Object.entries(TABLE))('%s', (_route, { act, statuses }) => {
    it.each(ROLES.map((role, index) => [role, statuses[index] as number] as const))('%s: %d', async (role, status) => {
      const { client, path } = await meet(role);

      expect((await act(client, path)).status).toBe(status);
      if (status === 401 || status === 403) expect((await root.get(path)).text).toBe('content');
    });
  });
});
