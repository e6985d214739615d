import { beforeAll, describe, expect, it } from 'vitest';
import { fileTarget, type Client } from '../support/client';
import { freshDirectory, must } from '../support/fixture';
import { rawExchange, rawRequest } from '../support/raw';
import { ROOT_KEY } from '../support/server';
import { useServer } from '../support/use-server';

const server = useServer();
let root: Client;
let base: string;

beforeAll(async () => {
  root = server.client();
  base = await freshDirectory(root);
});

describe('B1 content that a browser would run', () => {
  it.each([
    ['text/html', '<script>alert(1)</script>'],
    ['text/html; charset=utf-8', '<script>alert(1)</script>'],
    ['TEXT/HTML', '<script>alert(1)</script>'],
    ['application/xhtml+xml', '<html xmlns="http://www.w3.org/1999/xhtml"/>'],
    ['image/svg+xml', '<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'],
    ['text/xml', '<a/>'],
    ['application/rss+xml', '<rss/>'],
    ['text/javascript', 'alert(1)'],
    ['application/pdf', '%PDF-1.7'],
  ])('%s is sent as an attachment, sandboxed, unsniffed', async (type, body) => {
    await must(root.put(`${base}/active.bin`, body, { 'content-type': type }));

    for (const answer of [
      await root.get(`${base}/active.bin`),
      await root.head(`${base}/active.bin`),
      await root.get(`${base}/active.bin`, { range: 'bytes=0-0' }),
    ]) {
      expect(answer.headers).toMatchObject({
        'content-disposition': 'attachment; filename="active.bin"',
        'content-security-policy': "sandbox; default-src 'none'",
        'x-content-type-options': 'nosniff',
        'x-frame-options': 'DENY',
      });
    }
  });

  it.each([
    [undefined, 'application/octet-stream'],
    ['application/x-www-form-urlencoded', 'application/octet-stream'],
    ['multipart/form-data; boundary=x', 'application/octet-stream'],
    ['no type at all', 'application/octet-stream'],
    ['text/plain; charset=utf-7', 'text/plain'],
    ['text/plain; charset=UTF-8', 'text/plain; charset=UTF-8'],
    ['image/png', 'image/png'],
  ])('an upload of type %s is sent as %s', async (sent, received) => {
    await must(root.put(`${base}/typed`, 'x', sent === undefined ? {} : { 'content-type': sent }));

    const answer = await root.get(`${base}/typed`);

    expect(answer.header('content-type')).toBe(received);
    expect(answer.header('x-content-type-options')).toBe('nosniff');
    expect(answer.header('content-disposition')).toBeUndefined();
  });

  it('a parameter cannot add a header', async () => {
    const exchange = await rawExchange(server, [
      rawRequest('PUT', `/v1/files${base}/injected`, {
        Authorization: `Bearer ${ROOT_KEY}`,
        'Content-Type': 'text/plain; a="b\\\r c"',
        'Content-Length': 1,
      }),
      'x',
    ]);

    expect(exchange.responses.map(({ status }) => status)).toEqual([400]);
  });
});

describe('B2 names that headers cannot hold', () => {
  it.each([
    [
      'a quote and a parameter',
      'a"; filename=x',
      `attachment; filename="a_; filename=x"; filename*=UTF-8''a%22%3B%20filename%3Dx`,
    ],
    ['Hebrew', 'דוח.html', `attachment; filename="___.html"; filename*=UTF-8''%D7%93%D7%95%D7%97.html`],
    ['emoji', '😀.html', `attachment; filename="_.html"; filename*=UTF-8''%F0%9F%98%80.html`],
    ['a percent sign', '100%.html', `attachment; filename="100_.html"; filename*=UTF-8''100%25.html`],
    ['an apostrophe and an accent', "é'.html", `attachment; filename="_'.html"; filename*=UTF-8''%C3%A9%27.html`],
  ])('%s', async (_, name, expected) => {
    const path = `${base}/${name}`;
    expect((await root.put(path, '<p>', { 'content-type': 'text/html' })).status).toBe(201);

    const answer = await root.get(path);

    expect([answer.status, answer.text]).toEqual([200, '<p>']);
    expect(answer.header('content-disposition')).toBe(expected);
    expect((await root.post(path, 'again')).json.existing_path).toBe(path.normalize('NFC'));
    expect((await root.copy(path, `${path}.copy`)).status).toBe(201);
    expect((await root.delete(path)).status).toBe(204);
  });

  it.each(['%0d%0aX-Injected:%20yes', '%0aX-Injected:%20yes', '%00'])('a path with %s is refused, not echoed', async (piece) => {
    const exchange = await rawExchange(
      server,
      rawRequest('GET', `/v1/files${base}/a${piece}`, { Authorization: `Bearer ${ROOT_KEY}` }),
    );

    const [answer] = exchange.responses;
    expect(answer?.status).toBe(400);
    expect(answer?.headers.has('x-injected')).toBe(false);
    expect(JSON.parse(answer?.body.toString() ?? '')).toMatchObject({ code: 'INVALID_PATH' });
  });
});

describe('B3 errors', () => {
  it.each([
    ['a missing file', `/<script>alert("1")</script>`, '404 FILE_NOT_FOUND'],
    ['a name with quotes and a line separator', '/"\u2028\'', '404 FILE_NOT_FOUND'],
  ])('quote what was asked for as JSON: %s', async (_, name, outcome) => {
    const answer = await root.get(`${base}${name}`);

    expect(answer.outcome).toBe(outcome);
    expect(answer.headers).toMatchObject({
      'content-type': expect.stringMatching(/^application\/json/),
      'x-content-type-options': 'nosniff',
      'content-security-policy': expect.stringContaining("default-src 'none'"),
    });
    expect(answer.json.request_id).toBe(answer.header('x-request-id'));
  });

  it.each([
    ['an unknown route', 'GET', '/nothing/here', 404],
    ['an unknown API route', 'GET', '/v1/nothing', 404],
    ['a wrong method', 'PUT', '/v1/directories/', 405],
    ['a bad percent sign', 'GET', '/v1/files/%zz', 400],
    ['a bad query', 'GET', '/v1/directories/?limit=0', 400],
  ])('are JSON with a code everywhere: %s', async (_, method, target, status) => {
    const answer = await root.request(method, target);

    expect([answer.status, answer.header('content-type')]).toEqual([status, expect.stringMatching(/^application\/json/)]);
    expect(answer.json).toMatchObject({ code: expect.stringMatching(/^[A-Z_]+$/), message: expect.any(String) });
    expect(answer.header('x-request-id')).toBe(answer.json.request_id);
  });

  it('have the security headers, and answers have fresh request ids', async () => {
    const answers = [
      await root.get(base),
      await root.get(`${base}/none`),
      await server.anonymous().get('/'),
      await root.request('GET', '/health'),
    ];

    for (const answer of answers) {
      expect(answer.headers).toMatchObject({
        'x-content-type-options': 'nosniff',
        'x-frame-options': 'DENY',
        'referrer-policy': 'strict-origin-when-cross-origin',
        'content-security-policy': expect.any(String),
        'permissions-policy': expect.any(String),
        'cross-origin-opener-policy': 'same-origin',
        'cross-origin-embedder-policy': 'require-corp',
      });
      expect(answer.header('strict-transport-security')).toBeUndefined();
    }
    expect(new Set(answers.map((answer) => answer.header('x-request-id'))).size).toBe(answers.length);
  });

  it('an incoming request id is not taken over', async () => {
    const answer = await root.get(base, { 'x-request-id': 'chosen-by-the-client' });

    expect(answer.header('x-request-id')).not.toBe('chosen-by-the-client');
  });
});

describe('B4 CORS', () => {
  it('is off: nothing is allowed to another origin', async () => {
    await must(root.put(`${base}/plain`, 'x'));
    const origin = { origin: 'https://evil.example' };
    const preflight = { ...origin, 'access-control-request-method': 'PUT', 'access-control-request-headers': 'authorization' };
    const answers = [
      await root.get(`${base}/plain`, origin),
      await root.get(`${base}/none`, origin),
      await server.anonymous().get(`${base}/plain`, origin),
      await root.request('OPTIONS', fileTarget(`${base}/plain`), { headers: preflight }),
      await server.anonymous().request('OPTIONS', fileTarget(`${base}/plain`), { headers: preflight }),
      await server.anonymous().request('GET', '/health', { headers: origin }),
    ];

    const allowed = answers.flatMap((answer) => Object.keys(answer.headers).filter((name) => name.startsWith('access-control-')));
    expect(allowed).toEqual([]);
  });
});
