import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestCluster } from '../support/cluster';
import { must } from '../support/fixture';
import { claimPort } from '../support/ports';
import { patternBytes } from '../support/random';
import { DIRECTORY_PREFIX } from '../support/server';

/** Longer than what the registry said of an address is believed, and than a ping takes. */
const NOTICED = { timeout: 60_000, interval: 200 };

let directory: string;
let certificate: string;
let cluster: TestCluster;
const content = patternBytes(1, 300_000);

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), `${DIRECTORY_PREFIX}tls-`));
  certificate = join(directory, 'server.crt');
  const keyFile = join(directory, 'server.key');
  const subject = ['-subj', '/CN=callfs', '-addext', 'subjectAltName=IP:127.0.0.1', '-days', '10'];
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  execFileSync('openssl', ['req', '-x509', ...newKey, ...subject, '-keyout', keyFile, '-out', certificate], { stdio: 'ignore' });
  cluster = await TestCluster.start({
    nodes: 2,
    config: {
      server: { protocol: 'https', cert_file: certificate, key_file: keyFile },
      // Each finds the others where they have registered.
      instance_discovery: { peer_endpoints: {} },
    },
  });
  await must(cluster.node(2).client().put('/there', content));
});
afterAll(async () => {
  await cluster?.stop();
  await rm(directory, { recursive: true, force: true });
});

const read = () => cluster.node(1).client().get('/there');

describe('nodes that speak https and know each other from the registry alone', () => {
  it('take nothing from one whose certificate nobody they trust has signed', async () => {
    expect(cluster.node(2).url).toMatch(/^https:/);
    expect((await read()).outcome).toBe('502 PEER_UNAVAILABLE');
  });

  it.each([
    ['with backend.internal_proxy_ca_file', 'CALLFS_BACKEND_INTERNAL_PROXY_CA_FILE', () => certificate],
    ['with backend.internal_proxy_skip_tls_verify', 'CALLFS_BACKEND_INTERNAL_PROXY_SKIP_TLS_VERIFY', () => 'true'],
  ])('serve each other %s', async (_, variable, value) => {
    await cluster.node(1).restart({ [variable]: value() });
    expect((await must(read())).body.equals(content)).toBe(true);
  });

  it('N2 find one that has come back elsewhere', async () => {
    const before = cluster.node(2).url;
    await cluster.node(2).restart({ CALLFS_SERVER_LISTEN_ADDR: `127.0.0.1:${await claimPort()}` });
    expect(cluster.node(2).url).not.toBe(before);
    await expect.poll(async () => (await read()).status, NOTICED).toBe(200);
    expect((await must(read())).body.equals(content)).toBe(true);
  });
});
