import { beforeEach, expect, it } from 'vitest';
import type { Answer, Client } from '../support/client';
import { fileTarget } from '../support/client';
import { freshDirectory, must } from '../support/fixture';
import { useServer } from '../support/use-server';

const server = useServer();
let root: Client;
let base: string;

beforeEach(async () => {
  root = server.client();
  base = await freshDirectory(root);
  await must(root.put(`${base}/file`, 'old'));
  await must(root.put(`${base}/other`, 'other'));
  await must(root.mkdir(`${base}/dir`));
});

it('PUT with a source to copy, as S3 has it, is refused: its empty body does not replace what is there', async () => {
  for (const name of ['other', 'new']) {
    const answer = await root.put(`${base}/${name}`, '', { 'x-callfs-copy-source': `${base}/file` });

    expect(answer.outcome).toBe('400 INVALID_REQUEST');
    expect(message(answer)).toMatch(/POST.*overwrite=true/);
  }
  expect((await root.get(`${base}/other`)).text).toBe('other');
  expect((await root.get(`${base}/new`)).status).toBe(404);
});

it.each<[string, () => Promise<Answer>, RegExp]>([
  ['to create a file that exists', () => root.post(`${base}/file`, 'new'), /^Use PUT to update it\.$/],
  ['to create a file where a directory is', () => root.post(`${base}/dir`, 'new'), /^It is a directory: .*\/dir\/…/],
  [
    'to make a directory where a file is',
    () => root.mkdir(`${base}/file`),
    /^A file stands there: DELETE it, or choose another name\.$/,
  ],
  ['to move onto a file', () => root.patch(`${base}/file`, { destination: `${base}/other` }), /"overwrite": true/],
  ['to rename onto a file', () => root.patch(`${base}/file`, { name: 'other' }), /"overwrite": true/],
  [
    'to move onto a directory',
    () => root.patch(`${base}/file`, { destination: `${base}/dir` }),
    /^It is a directory: .*\/dir\/…/,
  ],
  [
    'to copy onto a file',
    () => root.post(`${base}/other`, '', { 'x-callfs-copy-source': `${base}/file` }),
    /^Add "\?overwrite=true" to replace it\.$/,
  ],
])('the suggestion of a 409 is one that works: %s', async (_, ask, suggestion) => {
  const answer = await ask();

  expect(answer.outcome).toBe('409 FILE_ALREADY_EXISTS');
  expect((answer.json as { suggestion: string }).suggestion).toMatch(suggestion);
});

it.each<[string, () => Promise<Answer>, string, RegExp]>([
  [
    'a file read with a "/" at its end',
    () => root.get(`${base}/file/`),
    '404 FILE_NOT_FOUND',
    /\/file\/ does not exist: .*\/file is a file; leave out the "\/" at its end\.$/,
  ],
  [
    'a file put with a "/" at its end',
    () => root.put(`${base}/new/`, 'x'),
    '400 IS_A_DIRECTORY',
    /\/new ends in "\/", which says a directory\. .*leave it out.* POST/,
  ],
  [
    'a file put where a directory is',
    () => root.put(`${base}/dir`, 'x'),
    '400 IS_A_DIRECTORY',
    /\/dir is a directory\. Name a file/,
  ],
  [
    'a link to a directory',
    () => root.request('POST', '/v1/links/generate', { body: JSON.stringify({ path: `${base}/dir`, expiry_seconds: 9 }) }),
    '400 IS_A_DIRECTORY',
    /\/dir is a directory\. Name a file/,
  ],
  [
    'an upload in parts that begins at its path',
    () => root.post(`${base}/new`, '', { 'tus-resumable': '1.0.0', 'upload-length': '10' }),
    '400 INVALID_REQUEST',
    /POST \/v1\/uploads/,
  ],
  [
    'a path without its prefix',
    () => root.request('PUT', '/file.txt', { body: 'x' }),
    '404 ROUTE_NOT_FOUND',
    /below \/v1\/files,/,
  ],
  [
    'a directory made as WebDAV does',
    () => root.request('MKCOL', fileTarget(`${base}/new`)),
    '405 METHOD_NOT_ALLOWED',
    /no MKCOL; it has DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT\./,
  ],
  [
    'a directory removed where it is listed',
    () => root.request('DELETE', `/v1/directories${base}/dir`),
    '405 METHOD_NOT_ALLOWED',
    /no DELETE; it has GET, HEAD, OPTIONS\./,
  ],
  [
    'JSON without quotes',
    () => root.request('PATCH', fileTarget(`${base}/file`), { body: '{name:b}' }),
    '400 INVALID_REQUEST',
    /not valid JSON.*double quotes/,
  ],
  [
    'PATCH without a body',
    () => root.request('PATCH', fileTarget(`${base}/file`)),
    '400 INVALID_REQUEST',
    /^Invalid PATCH: nothing to change/,
  ],
  [
    'a form posted to a directory',
    () =>
      root.request('POST', fileTarget(`${base}/dir/`), {
        body: '--x--',
        headers: { 'content-type': 'multipart/form-data; boundary=x' },
      }),
    '415 UNSUPPORTED_MEDIA_TYPE',
    /curl -T/,
  ],
  [
    'a listing by what nothing is sorted by',
    () => root.request('GET', '/v1/directories/?sort=time'),
    '400 INVALID_REQUEST',
    /not one of name, size, mtime\./,
  ],
  [
    'an owner that nobody is',
    () => root.patch(`${base}/file`, { owner: 'nobody-knows' }),
    '400 INVALID_REQUEST',
    /callfs users list/,
  ],
])('a refusal says what to do next: %s', async (_, ask, outcome, text) => {
  const answer = await ask();

  expect(answer.outcome).toBe(outcome);
  expect(message(answer)).toMatch(text);
});

function message(answer: Answer): string {
  return (answer.json as { message: string }).message;
}
