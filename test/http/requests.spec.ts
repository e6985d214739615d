import { afterAll, beforeAll, expect, it } from 'vitest';
import { rawExchange, rawRequest } from '../support/raw';
import { KEY, startShell, type Shell } from './support/shell';

let shell: Shell;
beforeAll(async () => {
  shell = await startShell();
});
afterAll(async () => {
  await shell.app.close();
});

const auth = { Authorization: `Bearer ${KEY}` };

it('hands a path of the tree to its controller exactly as it was written', async () => {
  const { responses } = await rawExchange(shell, rawRequest('GET', '/v1/files/a%2fb//./x%2e%2e/?q=1', auth));
  expect(responses[0]?.status).toBe(200);
  expect(responses[0]?.body.toString()).toBe('path=/a%2fb//./x%2e%2e/');
});

it('answers a bug with an id and nothing else, and logs the cause under that id', async () => {
  const { responses } = await rawExchange(shell, rawRequest('GET', '/v1/files/x?fail=bug', auth));
  const body = JSON.parse(String(responses[0]?.body)) as { request_id: string };
  expect(responses[0]?.status).toBe(500);
  expect(body).toEqual({
    code: 'INTERNAL_ERROR',
    message: 'Something went wrong inside. Quote the request id to the operator.',
    request_id: responses[0]?.headers.get('x-request-id'),
  });
  const line = shell.lines().find((entry) => entry.level === 'error' && entry.request_id === body.request_id);
  expect(JSON.stringify(line)).toContain('the secret inside');
});
