import { once } from 'node:events';
import { connect } from 'node:net';
import { expect, it } from 'vitest';
import { MetricsServer } from '../../apps/callfs/src/metrics/metrics-server';
import { rawRequest } from '../support/raw';
import { auth, seen } from './support/shell';
import { ask, useShell } from './support/use-shell';

const shell = useShell({ metrics: { listenAddr: { host: '127.0.0.1', port: 0 } } });

async function samples(name: string): Promise<string[]> {
  const { text } = await ask(shell, 'GET', '/metrics', auth);
  return text.split('\n').filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
}

it('counts requests by method, route and status', async () => {
  await ask(shell, 'GET', '/v1/files/some/path', auth);
  await ask(shell, 'GET', '/v1/files/other/path?fail=FILE_NOT_FOUND', auth);
  await ask(shell, 'GET', '/download/some-token');
  const requests = (await samples('callfs_http_requests_total')).join('\n');
  expect(requests).toContain('{method="GET",path="/v1/files/*",status_code="200"} 1');
  expect(requests).toContain('{method="GET",path="/v1/files/*",status_code="404"} 1');
  expect(requests).toContain('{method="GET",path="/download/:token",status_code="200"} 1');
  expect(await samples('callfs_http_request_duration_seconds_count')).toContain(
    'callfs_http_request_duration_seconds_count{method="GET",path="/v1/files/*"} 2',
  );
});

it('takes no label from a client', async () => {
  for (const [method, target] of [
    ['BREW', '/v1/files/label-1'],
    ['PROPFIND', '/label-2'],
    ['M-SEARCH', '/v1/files/label-3'],
    ['GET', '/label-4'],
    ['GET', '/v1/label-5'],
    ['OPTIONS', '/v1/files/label-6'],
    ['GET', '/docs/label-7'],
  ] as const) {
    await ask(shell, method, target, auth);
  }
  const requests = (await samples('callfs_http_requests_total')).join('\n');
  expect(requests).not.toMatch(/label-|BREW|PROPFIND|SEARCH/);
  expect(requests).toContain('method="OTHER"');
  expect(requests).toContain('path="unmatched"');
});

it('counts bytes of content and errors that are ours', async () => {
  await ask(shell, 'PUT', '/v1/files/a', { ...auth, 'Content-Length': 3 }, 'abc');
  await ask(shell, 'GET', '/v1/files/a?fail=bug', auth);
  const bytes = await samples('callfs_bytes_total');
  expect(bytes).toContain('callfs_bytes_total{direction="in"} 3');
  expect(bytes.join('\n')).toMatch(/\{direction="out"\} \d{2,}/);
  expect(await samples('callfs_errors_total')).toEqual(['callfs_errors_total{component="http",error_type="INTERNAL_ERROR"} 1']);
});

it('says how many bodies are being received', async () => {
  const receiving = once(seen, 'upload');
  const socket = connect(shell.port, shell.host);
  socket.write(rawRequest('PUT', '/v1/files/a', { ...auth, 'Content-Length': 10 }, 'abc'));
  await receiving;
  expect(await samples('callfs_uploads_in_flight')).toEqual(['callfs_uploads_in_flight 1']);
  const failed = once(seen, 'upload failed');
  socket.destroy();
  await failed;
  expect(await samples('callfs_uploads_in_flight')).toEqual(['callfs_uploads_in_flight 0']);
});

it('has every metric of the contract, with the figures of the process', async () => {
  const { text, headers } = await ask(shell, 'GET', '/metrics', auth);
  expect(headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
  for (const name of [
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
    'callfs_cache_operations_total',
    'callfs_uploads_in_flight',
    'callfs_tls_cert_expiry_seconds',
    'callfs_storage_bytes',
    'nodejs_eventloop_lag_seconds',
    'process_resident_memory_bytes',
    'process_open_fds',
  ]) {
    expect(text).toContain(`# TYPE ${name} `);
  }
});

it('answers scrapers without a key on a port of its own, which has nothing else', async () => {
  const { port, address } = shell.app.get(MetricsServer).listening;
  const own = { host: address, port };
  const metrics = await ask(own, 'GET', '/metrics');
  expect(metrics.status).toBe(200);
  expect(metrics.text).toContain('callfs_http_requests_total{');
  const other = await ask(own, 'GET', '/v1/files/a', auth);
  expect([other.status, other.json.code]).toEqual([404, 'ROUTE_NOT_FOUND']);
  const post = await ask(own, 'POST', '/metrics');
  expect([post.status, post.json.code]).toEqual([405, 'METHOD_NOT_ALLOWED']);
});

it('is not held up by a scraper that never finishes its request', async () => {
  const { port, address } = shell.app.get(MetricsServer).listening;
  const socket = connect(port, address);
  socket.write('GET /metrics HTTP/1.1\r\n');
  expect((await ask({ host: address, port }, 'GET', '/metrics')).status).toBe(200);
  socket.destroy();
});
