import { describe, expect, it } from 'vitest';
import { fileTarget, type Answer } from '../support/client';
import { freshDirectory, must } from '../support/fixture';
import { rawExchange, rawRequest } from '../support/raw';
import { KEPT_SECRETS, secretsIn } from '../support/secrets';
import { ROOT_KEY } from '../support/server';
import { useServer } from '../support/use-server';

const server = useServer({ config: { log: { level: 'debug', format: 'json' } } });

/** Keys that were never valid: what a user mistypes is a secret as well. */
const MISTYPED = 'mistyped-key-0123456789abcdef';

describe('B5', () => {
  it('no log line, metric or error of a run holds a key or a secret', async () => {
    const root = server.client();
    const answers: Answer[] = [];
    const keep = async (pending: Promise<Answer>) => answers[answers.push(await pending) - 1] as Answer;
    const base = await freshDirectory(root);
    await must(root.put(`${base}/file`, 'content'));

    for (const authorization of [
      `Bearer ${MISTYPED}`,
      `bearer ${ROOT_KEY} `,
      `Basic ${Buffer.from(`root:${ROOT_KEY}`).toString('base64')}`,
      `Bearer ${ROOT_KEY} ${MISTYPED}`,
      ROOT_KEY,
      `${ROOT_KEY} Bearer`,
    ])
      await keep(root.get(`${base}/file`, { authorization }));
    for (const query of [`key=${ROOT_KEY}`, `api_key=${MISTYPED}`, `access_token=${ROOT_KEY}`, `token=${MISTYPED}&x=1`]) {
      await keep(server.anonymous().request('GET', `${fileTarget(`${base}/file`)}?${query}`));
      await keep(server.anonymous().request('GET', `/health?${query}`));
      await keep(root.request('GET', `/v1/directories/?${query}`));
    }
    for (const header of ['x-api-key', 'cookie', 'proxy-authorization'])
      await keep(root.get(`${base}/file`, { [header]: MISTYPED }));
    await keep(root.put(`${base}/file`, 'x', { 'if-match': '"other"' }));
    await keep(root.patch(`${base}/file`, { key: MISTYPED }));
    await keep(server.client('alice').put(`${base}/file`, 'x'));
    await keep(root.get(`${base}/none`));
    await rawExchange(server, `GET / HTTP/1.1\r\nAuthorization: Bearer ${ROOT_KEY}\r\nBroken ${MISTYPED}\r\n\r\n`, {
      untilClose: true,
    });
    await rawExchange(server, rawRequest('GET', '/', { Authorization: `Bearer ${ROOT_KEY}`, 'X-Long': MISTYPED.repeat(1000) }), {
      untilClose: true,
    });
    const metrics = (await root.request('GET', '/metrics')).text;
    await server.stop();

    const secrets = { ...KEPT_SECRETS, 'a mistyped key': MISTYPED };
    const errors = answers.map(({ headers, text }) => JSON.stringify(headers) + text).join('\n');
    const found = Object.entries({ output: server.output, metrics, errors }).map(([place, text]) => [
      place,
      secretsIn(text, secrets),
    ]);
    expect(found).toEqual([
      ['output', []],
      ['metrics', []],
      ['errors', []],
    ]);
    expect(server.output).toContain('"method":"GET"');
  });
});
