import { beforeAll, describe, expect, it } from 'vitest';
import { fileTarget, type Client } from '../support/client';
import { freshDirectory, must } from '../support/fixture';
import { patternBytes } from '../support/random';
import { rawExchange, rawRequest } from '../support/raw';
import { ROOT_KEY, SECRETS, USERS } from '../support/server';
import { useServer } from '../support/use-server';

const server = useServer({ config: { log: { level: 'debug', format: 'json' } } });
let root: Client;
let anonymous: Client;

beforeAll(() => {
  root = server.client();
  anonymous = server.anonymous();
});

type LogLine = Record<string, unknown>;

/** The lines that the server has logged, each read as JSON. */
function logLines(): LogLine[] {
  return (
    server.stdout
      .split('\n')
      // Behind the last end of a line is the beginning of the next.
      .slice(0, -1)
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as LogLine)
  );
}

/** The access line of one request, as soon as it is there. */
async function accessLine(requestId: string): Promise<LogLine> {
  const line = `"request_id":"${requestId}"[^\\n]*"duration_ms"|"duration_ms"[^\\n]*"request_id":"${requestId}"`;
  await server.waitFor(new RegExp(`(${line})[^\\n]*\\n`));
  return logLines().find((line) => line['request_id'] === requestId && 'duration_ms' in line) as LogLine;
}

/** One metric's value, summed over the series that have these labels; 0 when there is none. */
async function metric(name: string, labels: Record<string, string> = {}): Promise<number> {
  const { text } = await root.request('GET', '/metrics');
  return text
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
    .filter((line) => Object.entries(labels).every(([label, value]) => line.includes(`${label}="${value}"`)))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
}

describe('health', () => {
  it('/health says ok', async () => {
    const answer = await anonymous.request('GET', '/health');
    expect([answer.status, answer.json.status]).toEqual([200, 'ok']);
  });

  it('/health/ready names each check with its latency', async () => {
    const { status, json } = await anonymous.request('GET', '/health/ready');

    expect(status).toBe(200);
    const text = JSON.stringify(json);
    for (const check of ['metadata', 'locks', 'localfs']) expect(text).toContain(check);
    expect(text).toMatch(/latency_ms/);
  });

  it('HEAD works as GET does, and other methods do not', async () => {
    expect((await anonymous.request('HEAD', '/health')).status).toBe(200);
    expect((await anonymous.request('POST', '/health')).outcome).toBe('405 METHOD_NOT_ALLOWED');
  });
});

describe('every answer', () => {
  it.each<readonly [string, () => Promise<unknown>]>([
    ['200', () => root.get('/')],
    ['401', () => anonymous.request('GET', fileTarget('/x'))],
    ['404', () => root.get('/nothing')],
    ['404 of a route', () => root.request('GET', '/nowhere')],
    ['400', () => root.request('GET', '/v1/files/%ff')],
    ['health', () => anonymous.request('GET', '/health')],
  ])('has a fresh request id and the security headers: %s', async (_, ask) => {
    const [first, second] = [await ask(), await ask()] as Awaited<ReturnType<Client['get']>>[];

    expect(first?.headers).toMatchObject({
      'x-request-id': expect.stringMatching(/^[\w-]{8,}$/),
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'referrer-policy': 'strict-origin-when-cross-origin',
      'content-security-policy': expect.any(String),
      'permissions-policy': expect.any(String),
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-embedder-policy': 'require-corp',
    });
    expect(first?.headers).not.toHaveProperty('strict-transport-security');
    expect(first?.headers).not.toHaveProperty('x-powered-by');
    expect(first?.headers).not.toHaveProperty('access-control-allow-origin');
    expect(second?.header('x-request-id')).not.toBe(first?.header('x-request-id'));
  });

  it('does not take over a request id from outside', async () => {
    const answer = await root.get('/', { 'x-request-id': 'mine' });
    expect(answer.header('x-request-id')).not.toBe('mine');
  });
});

describe('the access log', () => {
  it('has one line a request with what it needs', async () => {
    const base = await freshDirectory(root);
    const answer = await server.client('alice').get(`${base}/nothing`, { 'user-agent': 'tests/1.0' });

    const line = await accessLine(String(answer.header('x-request-id')));

    expect(line).toMatchObject({
      method: 'GET',
      path: `/v1/files${base}/nothing`,
      status: 404,
      duration_ms: expect.any(Number),
      bytes_in: expect.any(Number),
      bytes_out: expect.any(Number),
      user: 'alice',
      remote_addr: '127.0.0.1',
      user_agent: 'tests/1.0',
    });
  });

  it('counts the bytes of bodies', async () => {
    const base = await freshDirectory(root);
    const put = await root.put(`${base}/file`, patternBytes(1, 100_000));
    const got = await root.get(`${base}/file`);

    expect((await accessLine(String(put.header('x-request-id'))))['bytes_in']).toBe(100_000);
    expect((await accessLine(String(got.header('x-request-id'))))['bytes_out']).toBe(100_000);
  });

  it('continues a valid traceparent', async () => {
    const trace = '4bf92f3577b34da6a3ce929d0e0e4736';
    const answer = await root.get('/', { traceparent: `00-${trace}-00f067aa0ba902b7-01` });

    expect((await accessLine(String(answer.header('x-request-id'))))['trace_id']).toBe(trace);
  });

  it('keeps control characters from making lines of their own', async () => {
    const bytes = Buffer.from(
      rawRequest('GET', '/v1/files/%0a%1b[31mfake', { Authorization: `Bearer ${ROOT_KEY}`, 'User-Agent': 'a\tb\x9bc' }),
      'latin1',
    );
    const { responses } = await rawExchange(server, bytes);

    const line = await accessLine(String(responses[0]?.headers.get('x-request-id')));

    expect(line['status']).toBe(400);
    expect(server.stdout).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f]/);
  });
});

describe('metrics', () => {
  /** The names that dashboards rely on, with their labels; they exist as soon as the server runs. */
  const NAMES = [
    'callfs_http_requests_total',
    'callfs_http_request_duration_seconds',
    'callfs_backend_ops_total',
    'callfs_backend_op_duration_seconds',
    'callfs_metadata_db_queries_total',
    'callfs_metadata_db_query_duration_seconds',
    'callfs_lock_operations_total',
    'callfs_lock_operation_duration_seconds',
    'callfs_active_locks',
    'callfs_locks_stale_reclaimed_total',
    'callfs_locks_lost_total',
    'callfs_locks_fenced_total',
    'callfs_file_operations_total',
    'callfs_cross_server_operations_total',
    'callfs_single_use_link_generations_total',
    'callfs_single_use_link_consumptions_total',
    'callfs_errors_total',
    'callfs_cache_operations_total',
    'callfs_bytes_total',
    'callfs_uploads_in_flight',
    'callfs_storage_bytes',
    'nodejs_eventloop_lag_seconds',
    'process_resident_memory_bytes',
  ];

  it('have the names of the contract', async () => {
    const { text, headers } = await root.request('GET', '/metrics');

    expect(headers['content-type']).toMatch(/^text\/plain/);
    for (const name of NAMES) expect(text).toContain(`# TYPE ${name} `);
  });

  it('count what happens', async () => {
    const base = await freshDirectory(root);
    const counts = async () => ({
      created: await metric('callfs_file_operations_total', { operation: 'create' }),
      read: await metric('callfs_file_operations_total', { operation: 'read' }),
      updated: await metric('callfs_file_operations_total', { operation: 'update' }),
      renamed: await metric('callfs_file_operations_total', { operation: 'rename' }),
      copied: await metric('callfs_file_operations_total', { operation: 'copy' }),
      deleted: await metric('callfs_file_operations_total', { operation: 'delete' }),
      written: await metric('callfs_backend_ops_total', { backend_type: 'localfs', operation: 'write' }),
      missing: await metric('callfs_http_requests_total', { method: 'GET', status_code: '404' }),
    });
    const before = await counts();

    await must(root.put(`${base}/a`, patternBytes(1, 100_000)));
    await must(root.put(`${base}/a`, 'x'));
    await must(root.get(`${base}/a`));
    await must(root.move(`${base}/a`, `${base}/b`));
    await must(root.copy(`${base}/b`, `${base}/c`));
    await must(root.delete(`${base}/c`));
    await root.get(`${base}/nothing`);

    const after = await counts();
    const grown = Object.fromEntries(
      Object.entries(after).map(([name, value]) => [name, value - before[name as keyof typeof before]]),
    );
    expect(grown).toEqual({ created: 1, read: 1, updated: 1, renamed: 1, copied: 1, deleted: 1, written: 1, missing: 1 });
  });

  it('have bounded labels: no path, no name, no unknown method', async () => {
    const base = await freshDirectory(root);
    const series = async () =>
      (await root.request('GET', '/metrics')).text.split('\n').filter((line) => line.startsWith('callfs_http_requests_total'))
        .length;
    await root.get(`${base}/warm`);
    const before = await series();

    for (let i = 0; i < 30; i++) await root.get(`${base}/unbounded-${i}`);
    for (let i = 0; i < 30; i++) await root.request('GET', `/unknown-${i}`);

    const { text } = await root.request('GET', '/metrics');
    expect(text).not.toContain(base);
    expect(text).not.toContain('unbounded-');
    expect(text).not.toContain('unknown-');
    expect((await series()) - before).toBeLessThanOrEqual(2);
  });

  it('come back to nothing in flight', async () => {
    expect(await metric('callfs_active_locks')).toBe(0);
    expect(await metric('callfs_uploads_in_flight')).toBe(0);
  });
});

describe('B5 keys and secrets', () => {
  const KEYS = [ROOT_KEY, ...USERS.map(({ key }) => key), ...Object.values(SECRETS)];

  it('are in no log line, metric, answer or error of a run that has everything go wrong', async () => {
    const base = await freshDirectory(root);
    await must(root.put(`${base}/file`, 'x'));
    const link = await root.postJson('/v1/links/generate', {
      path: `${base}/file`,
      expiry_seconds: 60,
      password: 'link-password-7c1',
    });
    const token = String(link.json?.token ?? 'no-token-yet');
    const unknown = 'unknown-key-0123456789abcdef';
    const answers = [
      await root.request('GET', `/v1/files${base}/file?key=${ROOT_KEY}&token=${ROOT_KEY}`),
      await root.request('GET', `/v1/directories${base}?sort=${ROOT_KEY}`),
      await root.request('GET', '/v1/files/%ff', { headers: { authorization: `Bearer ${ROOT_KEY}` } }),
      await anonymous.request('GET', fileTarget('/'), {
        headers: { authorization: `Bearer ${unknown}` },
        localAddress: '127.2.0.1',
      }),
      await anonymous.request('GET', `/download/${token}`),
      await anonymous.request('GET', `/download/${token}x`),
      await root.request('PATCH', fileTarget(`${base}/file`), {
        headers: { 'content-type': 'application/json' },
        body: `{"key":"${ROOT_KEY}`,
      }),
      await root.request('BREW', fileTarget(`${base}/file`)),
    ];
    await rawExchange(server, `GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${ROOT_KEY}\r\nBad Header\r\n\r\n`);
    const metrics = (await root.request('GET', '/metrics')).text;
    await accessLine(String(answers[0]?.header('x-request-id')));

    const said = [server.output, metrics, ...answers.map(({ text, headers }) => text + JSON.stringify(headers))];
    for (const secret of [...KEYS, unknown, token, 'link-password-7c1'])
      for (const text of said) expect(text).not.toContain(secret);
  });
});
