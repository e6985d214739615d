import { createHash, randomBytes } from 'node:crypto';
import { getEventListeners } from 'node:events';
import { request } from 'node:http';
import { describe, expect, it } from 'vitest';
import type { CallfsError } from '@callfs/core';
import { newStorageKey } from '../../libs/core/src/storage-key';
import { storageProviderSuite } from '../../libs/storage/src/testing/storage-provider-suite';
import { PeerProvider } from '../../libs/storage/src/peer/peer-provider';
import { PeerClient } from '../../apps/callfs/src/cluster/peer-client';
import { PeerGate } from '../../apps/callfs/src/cluster/peer-gate';
import { PEER_FIELDS, PeerSecret, type PeerClaims } from '../../apps/callfs/src/cluster/peer-signature';
import { ROOT_KEY, SECRETS } from '../support/server';
import { useServer } from '../support/use-server';
import { pollEmptyStaging } from './staging';

/** N1, N2: what nodes ask of each other is signed, or nothing. */
const server = useServer();
const secret = new PeerSecret(SECRETS.internalProxy);
const blob = (key: string) => `/internal/v1/blobs/localfs/${key}`;

function claimsOf(changes: Partial<PeerClaims> = {}): PeerClaims {
  return {
    method: 'GET',
    target: '/internal/v1/node',
    from: 'another-node',
    to: 'callfs-test',
    timeMs: Date.now(),
    nonce: randomBytes(16).toString('hex'),
    hops: 1,
    user: '',
    requestId: '',
    body: 'none',
    ...changes,
  };
}

function fieldsOf(claims: PeerClaims, signature = secret.signatureOf(claims)): Record<string, string> {
  return {
    [PEER_FIELDS.from]: claims.from,
    [PEER_FIELDS.to]: claims.to,
    [PEER_FIELDS.time]: String(claims.timeMs),
    [PEER_FIELDS.nonce]: claims.nonce,
    [PEER_FIELDS.hops]: String(claims.hops),
    [PEER_FIELDS.user]: claims.user,
    [PEER_FIELDS.request]: claims.requestId,
    [PEER_FIELDS.body]: claims.body,
    [PEER_FIELDS.signature]: signature,
  };
}

function ask(method: string, path: string, headers: Record<string, string>, body?: Buffer): Promise<number> {
  return new Promise((resolve, reject) => {
    const asked = request({ host: server.host, port: server.port, method, path, headers }, (answer) => {
      answer.resume().on('end', () => resolve(answer.statusCode ?? 0));
    });
    asked.on('error', reject).end(body);
  });
}

const send = (claims: PeerClaims, fields = fieldsOf(claims)) => ask(claims.method, claims.target, fields);

describe('N1 the signature', () => {
  it('lets a peer in', async () => {
    expect(await send(claimsOf())).toBe(204);
  });

  it('is good once: a replay is refused', async () => {
    const claims = claimsOf();
    expect([await send(claims), await send(claims)]).toEqual([204, 401]);
  });

  it.each(Object.entries(PEER_FIELDS).filter(([name]) => name !== 'objectSize'))(
    'covers %s: changed or left out, the request is refused',
    async (_, field) => {
      const claims = claimsOf({ user: 'alice', requestId: '0123' });
      const changed = { ...fieldsOf(claims) };
      changed[field] =
        field === PEER_FIELDS.body ? 'sealed' : `${changed[field]?.slice(0, -1)}${changed[field]?.endsWith('1') ? 2 : 1}`;
      expect(await send(claims, changed)).toBe(401);
      const { [field]: _left, ...fewer } = fieldsOf(claims);
      expect(await send(claims, fewer)).toBe(401);
    },
  );

  it('covers the method, the path and the query', async () => {
    const [key, other] = [newStorageKey(), newStorageKey()];
    const claims = claimsOf({ method: 'GET', target: `${blob(key)}?offset=0&length=1` });
    expect(await ask('DELETE', claims.target, fieldsOf(claims))).toBe(401);
    expect(await ask('GET', `${blob(other)}?offset=0&length=1`, fieldsOf(claims))).toBe(401);
    expect(await ask('GET', `${blob(key)}?offset=0&length=2`, fieldsOf(claims))).toBe(401);
    expect(await ask('GET', claims.target, fieldsOf(claims))).toBe(404);
  });

  it.each([-3_600_000, 3_600_000])('is of now: %i ms away is refused', async (offsetMs) => {
    expect(await send(claimsOf({ timeMs: Date.now() + offsetMs }))).toBe(401);
  });

  it.each([
    [-30_000, 30_000],
    [-30_001, 30_001],
  ])('is of now, which is half a minute either way: %i to %i ms', (...offsetsMs) => {
    const started = 1_000_000;
    let now = started;
    const gate = new PeerGate(secret, 'callfs-test', () => now);
    now += 60_000;
    const outcomes = offsetsMs.map((offsetMs) => {
      const claims = claimsOf({ timeMs: now + offsetMs });
      try {
        gate.admit(claims.method, claims.target, fieldsOf(claims));
        return 'admitted';
      } catch (error) {
        return (error as CallfsError).code;
      }
    });
    expect(outcomes).toEqual(Array(2).fill(offsetsMs[1] === 30_000 ? 'admitted' : 'AUTHENTICATION_FAILED'));
  });

  it('of before this node ran is refused: what was seen then is forgotten', () => {
    let now = 1_000_000;
    const gate = new PeerGate(secret, 'callfs-test', () => now);
    const early = claimsOf({ timeMs: now - 1 });
    now += 10;
    expect(() => gate.admit(early.method, early.target, fieldsOf(early))).toThrow(/Only nodes of this cluster/);
  });

  it('is for one node: another refuses it', async () => {
    expect(await send(claimsOf({ to: 'somebody-else' }))).toBe(502);
  });

  it('with another secret is refused', async () => {
    const claims = claimsOf();
    expect(await send(claims, fieldsOf(claims, new PeerSecret('another-secret-0123').signatureOf(claims)))).toBe(401);
  });

  it('508 for a request that goes round in a circle', async () => {
    expect(await send(claimsOf({ hops: 4 }))).toBe(508);
    expect(await send(claimsOf({ from: 'callfs-test' }))).toBe(508);
  });

  it.each(['wrong', 'cut', 'missing'])('seals the body: with a %s seal nothing is stored', async (how) => {
    const key = newStorageKey();
    const content = randomBytes(100_000);
    const claims = claimsOf({ method: 'PUT', target: blob(key), body: 'sealed' });
    const seal = secret.sealOf(claims.nonce, createHash('sha256').update(content).digest());
    if (how === 'wrong') seal[0] = (seal[0] ?? 0) ^ 1;
    const tail = { wrong: seal, cut: seal.subarray(1), missing: Buffer.alloc(0) }[how] as Buffer;
    expect(await ask('PUT', blob(key), fieldsOf(claims), Buffer.concat([content, tail]))).toBe(400);
    expect(await send(claimsOf({ method: 'GET', target: `${blob(key)}?stat` }))).toBe(404);
  });
});

describe('A9 keys and the secret of the peers open each only their own door', () => {
  it.each(['/internal/v1/node', '/internal/v1/blobs/localfs', '/internal/', '/internal/v1/blobs/localfs/../../x'])(
    'no API key opens %s',
    async (path) => {
      for (const method of ['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS'])
        expect([method, await ask(method, path, { authorization: `Bearer ${ROOT_KEY}` })]).toEqual([method, 401]);
    },
  );

  it('the secret of the peers is no API key', async () => {
    expect(await ask('GET', '/v1/files/', { authorization: `Bearer ${SECRETS.internalProxy}` })).toBe(401);
  });
});

it('a node whose clock is an hour off is told the time and goes on', async () => {
  const real = Date.now;
  const { client, stop } = clientOf();
  try {
    Date.now = () => real() + 3_600_000;
    for await (const _chunk of (await client.send({ method: 'GET', target: '/internal/v1/node' })).body);
  } finally {
    Date.now = real;
    await stop();
  }
});

it('a request that fails leaves nothing with a signal that lives as long as its node', async () => {
  const { client, stop } = clientOf('http://127.0.0.1:1');
  const { signal } = new AbortController();
  const asked = client.send({ method: 'GET', target: blob(newStorageKey()), signal });
  await expect(asked).rejects.toMatchObject({ code: 'PEER_UNAVAILABLE' });
  expect(getEventListeners(signal, 'abort')).toEqual([]);
  await stop();
});

function clientOf(url = server.url): { client: PeerClient; stop: () => Promise<void> } {
  const client = new PeerClient('callfs-test', async () => url, {
    from: 'another-node',
    secret,
    tls: { rejectUnauthorized: true },
    observe: () => undefined,
    heard: () => undefined,
  });
  return { client, stop: () => client.close() };
}

let opened: ReturnType<typeof clientOf>;
storageProviderSuite('peer', {
  open: async () => {
    opened = clientOf();
    return new PeerProvider('localfs', opened.client);
  },
  leftovers: () => pollEmptyStaging(server.dataDir),
  close: () => opened.stop(),
  sizes: [31, 32, 33, 20 * 1024 * 1024 + 3],
  finishesDeletedReads: false,
  isClaimable: false,
});
