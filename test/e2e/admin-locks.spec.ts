import { describe, expect, it } from 'vitest';
import { useServer } from '../support/use-server';

const server = useServer();
const ask = (method: string, target: string, body?: string) =>
  server.client().request(method, target, { body, headers: body === undefined ? {} : { 'content-type': 'application/json' } });

describe('/v1/admin/locks', () => {
  it('lists nothing when nothing is held, and says how the store is', async () => {
    expect((await ask('GET', '/v1/admin/locks?prefix=/a&older_than=10m&stale=true')).json).toEqual({ count: 0, items: [] });
    const check = await ask('GET', '/v1/admin/locks/check');
    expect(check.json).toEqual({ store: 'local', latency_ms: expect.any(Number), leases: 0, stale: 0, foreign: 0 });
  });

  it.each([
    ['an empty prefix', 'GET', '?prefix='],
    ['a relative prefix', 'GET', '?prefix=a'],
    ['a bad duration', 'GET', '?older_than=ten'],
    ['an empty duration', 'GET', '?older_than='],
    ['a bad flag', 'GET', '?stale=maybe'],
    ['an empty owner', 'GET', '?owner='],
    ['force without a reason', 'DELETE', '/x?force=true'],
    ['force with an empty reason', 'DELETE', '/x?force=true&reason=%20'],
  ])('refuses %s', async (_, method, rest) => {
    expect((await ask(method, `/v1/admin/locks${rest}`)).outcome).toBe('400 INVALID_REQUEST');
  });

  it.each([
    ['nothing', ''],
    ['no ids', '{"ids":[]}'],
    ['an unknown member', '{"ids":["a"],"all":true}'],
    ['force without a reason', '{"ids":["a"],"force":true}'],
  ])('refuses to clear %s', async (_, body) => {
    expect((await ask('POST', '/v1/admin/locks/clear', body)).outcome).toBe('400 INVALID_REQUEST');
  });

  it('takes force and reason from the query or the body', async () => {
    const gone = { id: 'x', outcome: 'gone' };
    expect((await ask('DELETE', '/v1/admin/locks/x?force=true&reason=stuck')).json).toEqual(gone);
    expect((await ask('DELETE', '/v1/admin/locks/x', '{"force":true,"reason":"stuck"}')).json).toEqual(gone);
  });
});
