import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { AppModule } from '../../apps/callfs/src/app.module';
import { loadConfig } from '../../apps/callfs/src/config/load-config';
import { createHttpApp, listen } from '../../apps/callfs/src/http/server';
import type { OpenAPIObject } from '@nestjs/swagger';
import type { CallfsAdapter } from '../../apps/callfs/src/http/callfs-adapter';
import { ERROR_TABLE } from '../../apps/callfs/src/http/error-table';
import { isDocumentation, readable } from '../../apps/callfs/src/http/openapi/document';
import { ask } from './support/use-shell';

const directory = mkdtempSync(join(tmpdir(), 'callfs-test-openapi-'));
const shell = {} as { app: NestFastifyApplication; host: string; port: number };

// The real application: what it has must be in its document.
beforeAll(async () => {
  const { config: embedded } = loadConfig({ cwd: directory, env: {} });
  const config = { ...embedded, debug: { profiling: true }, log: { level: 'error', format: 'json' } } as const;
  const app = await createHttpApp(AppModule.forRoot(config), config);
  const { address: host, port } = await listen(app, { host: '127.0.0.1', port: 0 });
  Object.assign(shell, { app, host, port });
});
afterAll(async () => {
  await shell.app.close();
  rmSync(directory, { recursive: true });
});

async function document(): Promise<OpenAPIObject> {
  return (await ask(shell, 'GET', '/docs-json')).json as unknown as OpenAPIObject;
}

function registeredRoutes(): string[] {
  const { routes } = (shell.app.getHttpAdapter() as unknown as CallfsAdapter).routes;
  return routes.filter(({ pattern }) => !isDocumentation(pattern)).map(({ method, pattern }) => `${method} ${readable(pattern)}`);
}

it('has every route there is and no other', async () => {
  const documented = Object.entries((await document()).paths).flatMap(([path, item]) =>
    Object.keys(item).map((method) => `${method.toUpperCase()} ${path}`),
  );
  expect(documented.sort()).toEqual([...registeredRoutes(), 'GET /docs', 'GET /docs-json'].sort());
});

it('is prepared once: compressed for whoever takes that, and 304 for whoever has it', async () => {
  const told = async (headers: Record<string, string>, method = 'GET') => {
    const answer = await ask(shell, method, '/docs-json', headers);
    const of = (name: string) => answer.headers.get(name) ?? '';
    return { status: answer.status, body: answer.body, etag: of('etag'), of };
  };
  const plain = await told({});
  expect([plain.of('content-type'), plain.of('content-encoding')]).toEqual(['application/json', '']);
  const packed = await told({ 'Accept-Encoding': 'gzip, br' });
  expect(['content-encoding', 'vary', 'cache-control'].map(packed.of)).toEqual(['gzip', 'Accept-Encoding', 'no-cache']);
  expect(gunzipSync(packed.body).equals(plain.body)).toBe(true);
  expect(packed.body.length).toBeLessThan(plain.body.length / 5);
  expect(packed.etag).not.toBe(plain.etag);
  for (const { etag, of } of [plain, packed]) {
    const again = await told({ 'If-None-Match': `"other", W/${etag}`, 'Accept-Encoding': of('content-encoding') });
    expect([again.status, again.body.length, again.etag]).toEqual([304, 0, etag]);
  }
  const head = await told({}, 'HEAD');
  expect([head.status, head.of('content-length'), head.etag]).toEqual([200, String(plain.body.length), plain.etag]);
});

it('says of each operation what it needs and how it can fail', async () => {
  const { paths } = await document();
  for (const [path, item] of Object.entries(paths)) {
    if (isDocumentation(path)) continue;
    for (const [method, operation] of Object.entries(item) as [string, NonNullable<typeof item.get>][]) {
      const name = `${method} ${path}`;
      const open = path.startsWith('/health') || path.startsWith('/download');
      expect([name, operation.security]).toEqual([name, open ? [] : [{ bearer: [] }]]);
      expect([name, Object.keys(operation.responses).includes('401')]).toEqual([name, !open || path.startsWith('/download')]);
      expect(Object.keys(operation.responses)).toEqual(expect.arrayContaining(['400', '408', '414', '431', '500']));
      for (const placeholder of path.match(/\{\w+\}/g) ?? []) {
        expect(operation.parameters).toContainEqual(
          expect.objectContaining({ name: placeholder.slice(1, -1), in: 'path', required: true }),
        );
      }
      expect((operation.parameters ?? []).filter((p) => 'in' in p && p.in === 'path')).toHaveLength(path.split('{').length - 1);
    }
  }
});

it('names only codes that exist, each under its own status', async () => {
  const { paths } = await document();
  const byStatus = new Map<string, Set<string>>();
  for (const [code, { status, publicCode }] of Object.entries(ERROR_TABLE)) {
    byStatus.set(`${status}`, (byStatus.get(`${status}`) ?? new Set()).add(publicCode ?? code));
  }
  for (const item of Object.values(paths)) {
    for (const operation of Object.values(item) as { responses: Record<string, object> }[]) {
      for (const [status, response] of Object.entries(operation.responses)) {
        const codes = [...JSON.stringify(response).matchAll(/"code":\{"type":"string","enum":(\[[^\]]*\])/g)];
        for (const code of codes.flatMap((match) => JSON.parse(match[1] ?? '[]') as string[])) {
          expect([status, code, byStatus.get(status)?.has(code)]).toEqual([status, code, true]);
        }
      }
    }
  }
});

it('shows a page whose every file comes from here and is allowed to run', async () => {
  const page = await ask(shell, 'GET', '/docs/');
  const policy = page.headers.get('content-security-policy');
  expect(policy).toContain("script-src 'self'");
  expect(page.text).not.toMatch(/(src|href)="?(https?:)?\/\//);
  const files = [...page.text.matchAll(/(?:src|href)="\.\/([^"]+)"/g)].map((match) => match[1] ?? '');
  expect(files).toEqual(expect.arrayContaining(['swagger-ui.css', 'swagger-ui-bundle.js', 'swagger-ui-init.js']));
  for (const file of files) expect([file, (await ask(shell, 'GET', `/docs/${file}`)).status]).toEqual([file, 200]);
  expect((await ask(shell, 'GET', '/docs/../package.json')).status).toBe(404);
  expect((await ask(shell, 'GET', '/docs/%2e%2e/package.json')).status).toBe(404);
});
