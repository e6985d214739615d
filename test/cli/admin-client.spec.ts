import { createServer } from 'node:net';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { AdminClient } from '../../apps/callfs/src/cli/admin-client';
import { findServer } from '../../apps/callfs/src/cli/server-address';
import { selfSignedCertificate } from '../../apps/callfs/src/cli/tls/self-signed-certificate';
import { claimPort } from '../support/ports';
import { ROOT_KEY } from '../support/server';
import { useServer } from '../support/use-server';
import { KEY, startCli, useDirectory, variables } from './run-cli';

const server = useServer();
const directory = useDirectory();
const failure = (work: () => unknown): Promise<unknown> =>
  Promise.resolve()
    .then(work)
    .then(
      () => Promise.reject(new Error('did not fail')),
      (error: unknown) => error,
    );
const clientOf = (env: Record<string, string>, config?: string) => new AdminClient(findServer({ config }, env, directory.path));

describe('a command that talks to a server', () => {
  it('finds it by CALLFS_URL and CALLFS_API_KEY', async () => {
    const client = clientOf({ CALLFS_URL: `${server.url}/`, CALLFS_API_KEY: ROOT_KEY });
    expect(await client.get('/v1/admin/locks', { prefix: '/a b', stale: undefined })).toEqual({ count: 0, items: [] });
    const keyFile = join(directory.path, 'key');
    await writeFile(keyFile, `${ROOT_KEY}\n`);
    const other = clientOf({ CALLFS_URL: server.url, CALLFS_API_KEY_FILE: keyFile });
    expect(await other.post('/v1/admin/locks/clear', { ids: ['none'] })).toEqual({
      count: 1,
      items: [{ id: 'none', outcome: 'gone' }],
    });
    expect(await other.delete('/v1/admin/locks/none')).toEqual({ id: 'none', outcome: 'gone' });
  });

  it('finds it by its configuration, with a certificate of its own for another name', async () => {
    const pair = selfSignedCertificate(['files.test'], 2, new Date());
    const file = (name: string) => join(directory.path, name);
    await writeFile(file('tls.crt'), pair.certificatePem);
    await writeFile(file('tls.key'), pair.keyPem);
    const port = await claimPort();
    const config = file('https.yaml');
    await writeFile(config, `server: {listen_addr: ":${port}", protocol: https, cert_file: tls.crt, key_file: tls.key}\n`);
    const { CALLFS_SERVER_LISTEN_ADDR: _, CALLFS_SERVER_PROTOCOL: __, ...env } = variables(file('data'));
    const running = await startCli(['server', '--config', config], { cwd: directory.path, env }, /listening on/);
    try {
      expect(findServer({ config }, env, '/').url).toBe(`https://127.0.0.1:${port}`);
      expect(await clientOf(env, config).get('/v1/admin/locks')).toEqual({ count: 0, items: [] });
      // By its address alone it is any server, whose certificate nobody vouches for.
      const stranger = clientOf({ CALLFS_URL: `https://127.0.0.1:${port}`, CALLFS_API_KEY: KEY });
      expect(await failure(() => stranger.get('/v1/admin/locks'))).toMatchObject({
        exitCode: 4,
        message: expect.stringContaining('NODE_EXTRA_CA_CERTS'),
      });
      // Another server with another certificate is not the one of the configuration.
      await writeFile(file('tls.crt'), selfSignedCertificate(['files.test'], 2, new Date()).certificatePem);
      expect(await failure(() => clientOf(env, config).get('/v1/admin/locks'))).toMatchObject({ exitCode: 4 });
    } finally {
      running.kill('SIGTERM');
      await running.exit;
    }
  });

  it('finds the embedded one by the data that its first start made', async () => {
    const cwd = join(directory.path, 'embedded');
    await mkdir(join(cwd, 'callfs-data'), { recursive: true });
    expect(await failure(() => findServer({}, {}, directory.path))).toMatchObject({
      message: expect.stringContaining('There is no server in this directory'),
    });
    const secrets = {
      api_key: KEY,
      internal_proxy_secret: 'Hk3-proxy-93jf02kd8a',
      single_use_link_secret: 'Zp9-links-1mf84ha0xq',
    };
    await writeFile(join(cwd, 'callfs-data', 'secrets.json'), JSON.stringify(secrets));
    expect(findServer({}, {}, cwd)).toEqual({ url: 'http://127.0.0.1:8443', apiKey: KEY });
  });

  it('never sends the key of a configuration that was not named to another address', async () => {
    const cwd = join(directory.path, 'embedded');
    const env = { CALLFS_URL: 'https://elsewhere.test' };
    expect(await failure(() => findServer({}, env, cwd))).toMatchObject({
      message: expect.stringContaining('set CALLFS_API_KEY'),
    });
    const hashed = { ...variables(cwd), CALLFS_AUTH_API_KEYS: `sha256:${createHash('sha256').update(KEY).digest('hex')}` };
    const listening = { ...hashed, CALLFS_SERVER_LISTEN_ADDR: '127.0.0.1:9' };
    expect(await failure(() => findServer({}, listening, cwd))).toMatchObject({
      message: expect.stringContaining('no superuser key in clear'),
    });
    expect(findServer({}, { ...listening, CALLFS_API_KEY: KEY }, cwd)).toEqual({ url: 'http://127.0.0.1:9', apiKey: KEY });
  });

  it('fails with the words of the server, its code and the request', async () => {
    const client = clientOf({ CALLFS_URL: server.url, CALLFS_API_KEY: server.user('alice').key });
    const error = (await failure(() => client.get('/v1/admin/locks'))) as Error;
    expect(error).toMatchObject({ exitCode: 1 });
    expect(error.message).toMatch(/^PERMISSION_DENIED: Only a superuser key .* \(request [0-9a-f]{32}\)$/);
    const wrong = clientOf({ CALLFS_URL: server.url, CALLFS_API_KEY: ROOT_KEY });
    expect(await failure(() => wrong.get('/v1/admin/locks', { prefix: '' }))).toMatchObject({
      exitCode: 1,
      message: expect.stringContaining('INVALID_REQUEST: '),
    });
  });

  it('ends with 4 when nobody is there, or somebody else', async () => {
    const port = await claimPort();
    const nobody = clientOf({ CALLFS_URL: `http://127.0.0.1:${port}`, CALLFS_API_KEY: ROOT_KEY });
    expect(await failure(() => nobody.get('/v1/admin/locks'))).toMatchObject({
      exitCode: 4,
      message: expect.stringMatching(/^cannot reach http:\/\/127\.0\.0\.1:\d+: .*ECONNREFUSED.* Is the server running\?$/),
    });
    const other = createServer((socket) => socket.end('HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n<html>'));
    await new Promise<void>((resolve) => void other.listen(port, '127.0.0.1', resolve));
    try {
      expect(await failure(() => nobody.get('/v1/admin/locks'))).toMatchObject({
        exitCode: 1,
        message: expect.stringContaining('not as CallFS does'),
      });
    } finally {
      other.close();
    }
  });
});
