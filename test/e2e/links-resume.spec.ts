import { beforeAll, describe, expect, it } from 'vitest';
import type { Client } from '../support/client';
import { freshDirectory, must } from '../support/fixture';
import { breakOff, download, makeLink, rest, usesOf } from '../support/links';
import { patternBytes } from '../support/random';
import { useServer } from '../support/use-server';

const MIB = 1024 * 1024;
const CONTENT = patternBytes(9, 4 * MIB);

const server = useServer({ config: { rate_limits: { download: 'off', link_generation: 'off' } } });
let root: Client;
let anonymous: Client;
let alice: Client;

beforeAll(() => {
  root = server.client();
  anonymous = server.anonymous();
  alice = server.client('alice');
});

async function file(content: Buffer = CONTENT): Promise<string> {
  const path = `${await freshDirectory(root)}/file`;
  await must(root.put(path, content));
  return path;
}

describe('a download that broke', () => {
  it('is finished with the ticket of its answer, and costs one use', async () => {
    const { token, id } = await makeLink(root, await file());
    const broken = await breakOff(server, token, MIB);
    expect(broken.status).toBe(200);
    expect((await download(anonymous, token)).outcome).toBe('410 LINK_GONE');

    const resumed = await download(anonymous, token, rest(broken));
    expect(resumed.status).toBe(206);
    expect(Buffer.concat([broken.bytes, resumed.body]).equals(CONTENT)).toBe(true);
    expect(await usesOf(root, id)).toBe(1);
    expect((await root.request('GET', '/metrics')).text).toMatch(
      /^callfs_single_use_link_consumptions_total\{status="resumed"\} 1$/m,
    );
  });

  it('is finished with the cookie, as browsers do', async () => {
    const { token } = await makeLink(root, await file());
    const broken = await breakOff(server, token, MIB);
    const [pair = '', ...attributes] = broken.cookie.split('; ');
    expect(attributes).toEqual([`Path=/download/${token}`, 'Max-Age=600', 'HttpOnly', 'SameSite=Lax']);
    const { 'x-callfs-resume-ticket': _, ...fields } = rest(broken);
    const resumed = await download(anonymous, token, { ...fields, cookie: `other=1; ${pair}` });
    expect([resumed.status, resumed.body.equals(CONTENT.subarray(broken.bytes.length))]).toEqual([206, true]);
  });

  it('may break again and again: what did not go out is not counted', async () => {
    const large = patternBytes(10, 48 * MIB);
    const { token, id } = await makeLink(root, await file(large));
    const broken = await breakOff(server, token, MIB);
    const from1 = rest(broken, 1);
    for (let i = 0; i < 4; i++) {
      // The server may not have noticed yet that the one before has gone.
      await expect
        .poll(async () => (await breakOff(server, token, 1, from1)).status, { timeout: 60_000, interval: 50 })
        .toBe(206);
    }
    const last = async () => {
      const { status, body } = await download(anonymous, token, from1);
      return [status, body.equals(large.subarray(1))];
    };
    await expect.poll(last, { timeout: 60_000, interval: 100 }).toEqual([206, true]);
    expect(await usesOf(root, id)).toBe(1);
  });

  it('is not a way to more: twice the file, and no more', async () => {
    const { token } = await makeLink(root, await file());
    const broken = await breakOff(server, token, MIB);
    expect((await download(anonymous, token, rest(broken, 1))).status).toBe(206);
    expect((await download(anonymous, token, rest(broken, 1))).status).toBe(206);
    expect((await download(anonymous, token, rest(broken, 1))).outcome).toBe('410 LINK_GONE');
    expect((await download(anonymous, token, rest(broken, CONTENT.length - 2))).status).toBe(206);
    expect((await download(anonymous, token, rest(broken, CONTENT.length - 2))).outcome).toBe('410 LINK_GONE');
  });

  it('is finished by whoever began it, where he left off, and by nobody else', async () => {
    const path = await file();
    const { token } = await makeLink(root, path);
    const other = await makeLink(root, path);
    const broken = await breakOff(server, token, MIB);
    const foreign = await breakOff(server, other.token, MIB);
    const { 'if-range': _, ...unconditional } = rest(broken);
    const { range: __, ...whole } = rest(broken);
    const flipped = broken.ticket.slice(0, -2) + (broken.ticket.endsWith('AA') ? 'BB' : 'AA');
    const refused: [Record<string, string>, string?][] = [
      [rest(broken), '127.7.7.7'],
      [rest(broken, 0)],
      [unconditional],
      [whole],
      [{ ...rest(broken), 'if-range': '"other"' }],
      [{ ...rest(broken), range: 'bytes=1-2,5-' }],
      [{ ...rest(broken), 'x-callfs-resume-ticket': foreign.ticket }],
      [{ ...rest(broken), 'x-callfs-resume-ticket': flipped }],
      [{ ...rest(broken), 'x-callfs-resume-ticket': broken.ticket.split('.')[0] ?? '' }],
      [{ ...rest(broken), 'x-callfs-resume-ticket': 'nonsense' }],
      [{ range: `bytes=${MIB}-`, 'if-range': broken.etag }],
    ];
    for (const [headers, localAddress] of refused) {
      const { outcome } = await download(anonymous, token, headers, { localAddress });
      expect([headers, localAddress, outcome]).toEqual([headers, localAddress, '410 LINK_GONE']);
    }
    expect((await download(anonymous, token, rest(broken))).status).toBe(206);
  });

  it('with uses left, what a ticket does not cover spends one', async () => {
    const { token, id } = await makeLink(root, await file(), { max_uses: 2 });
    const broken = await breakOff(server, token, MIB);
    expect((await download(anonymous, token, rest(broken))).status).toBe(206);
    expect(await usesOf(root, id)).toBe(1);
    expect((await download(anonymous, token, rest(broken, 0))).status).toBe(206);
    expect(await usesOf(root, id)).toBe(2);
  });

  it.each<readonly [string, (path: string, id: string) => Promise<unknown>]>([
    ['the link was revoked', (_, id) => must(alice.request('DELETE', `/v1/links/${id}`))],
    ['the file was replaced', (path) => must(root.put(path, 'other'))],
    ['its maker lost the permission', (path) => must(root.patch(path, { mode: '0600' }))],
  ])('is not finished when %s', async (_, change) => {
    const path = await file();
    const { token, id } = await makeLink(alice, path);
    const broken = await breakOff(server, token, MIB);
    await change(path, id);
    expect((await download(anonymous, token, rest(broken))).outcome).toBe('410 LINK_GONE');
  });

  it('is finished after the server was killed on the way', async () => {
    const { token } = await makeLink(root, await file());
    const broken = await breakOff(server, token, MIB);
    await server.kill();
    await server.start();
    const resumed = await download(server.anonymous(), token, rest(broken));
    expect([resumed.status, resumed.body.equals(CONTENT.subarray(broken.bytes.length))]).toEqual([206, true]);
  });
});
