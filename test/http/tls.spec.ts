import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { connect as connectPlain } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { once } from 'node:events';
import { afterAll, expect, it } from 'vitest';
import { BACKDATED_MS, selfSignedCertificate } from '../../apps/callfs/src/cli/tls/self-signed-certificate';
import { reloadCertificate } from '../../apps/callfs/src/http/server';
import { rawExchange, rawRequest } from '../support/raw';
import { auth } from './support/shell';
import { useShell } from './support/use-shell';

const directory = mkdtempSync(join(tmpdir(), 'callfs-test-tls-'));
afterAll(() => rmSync(directory, { recursive: true }));
const certFile = join(directory, 'server.crt');
const keyFile = join(directory, 'server.key');

function renewAs(name: string): void {
  const subject = ['-subj', `/CN=${name}`, '-addext', 'subjectAltName=IP:127.0.0.1', '-days', '10'];
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  execFileSync('openssl', ['req', '-x509', ...newKey, ...subject, '-keyout', keyFile, '-out', certFile], { stdio: 'ignore' });
}

renewAs('first');
const shell = useShell({ server: { protocol: 'auto', certFile, keyFile } });

/** Whose certificate a new connection is shown. */
async function servedName(): Promise<string> {
  const socket = connect({ port: shell.port, host: shell.host, rejectUnauthorized: false });
  await once(socket, 'secureConnect');
  const name = socket.getPeerCertificate().subject.CN;
  socket.destroy();
  return String(name);
}

it('speaks TLS when the certificate is there, and tells browsers to come back that way', async () => {
  const outgoing = request({
    port: shell.port,
    host: shell.host,
    path: '/v1/files/a',
    headers: auth,
    rejectUnauthorized: false,
    agent: false,
  });
  outgoing.end();
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  expect(response.statusCode).toBe(200);
  expect(response.headers['strict-transport-security']).toBe('max-age=31536000');
  response.resume();
  await once(response, 'end');
  const line = await shell.lineOf(response.headers['x-request-id'] as string);
  expect(line).toMatchObject({ status: 200, remote_addr: '127.0.0.1' });
});

it('answers plain HTTP with the hint that it speaks HTTPS, and closes', async () => {
  const { responses, closed } = await rawExchange(shell, rawRequest('GET', '/v1/files/a', auth), { untilClose: true });
  const [answer] = responses;

  expect(answer?.status).toBe(400);
  expect(JSON.parse(String(answer?.body))).toMatchObject({
    code: 'INVALID_REQUEST',
    message: expect.stringContaining('https://'),
  });
  expect(closed).toBe(true);
});

it('takes up a renewed certificate, and keeps the old one when the new pair is bad', async () => {
  expect(await servedName()).toBe('first');
  renewAs('second');
  expect(await reloadCertificate(shell.app)).toBe(true);
  expect(await servedName()).toBe('second');

  writeFileSync(certFile, 'not a certificate');
  expect(await reloadCertificate(shell.app)).toBe(false);
  expect(await servedName()).toBe('second');
  expect(shell.lines().find(({ level }) => level === 'error')?.msg).toContain('could not be reloaded');
});

it('keeps the old one, too, while that is valid and the new one has expired', async () => {
  const valid = await servedName();
  const expired = selfSignedCertificate(['127.0.0.1'], 5, new Date(Date.now() - 40 * 24 * 3600 * 1000));
  writeFileSync(certFile, expired.certificatePem);
  writeFileSync(keyFile, expired.keyPem);
  expect(await reloadCertificate(shell.app)).toBe(false);
  expect(await servedName()).toBe(valid);
  const told = shell.lines().filter(({ level }) => level === 'error');
  expect(JSON.stringify(told.at(-1))).toMatch(/server\.cert_file: the certificate expired on .+; clients will refuse it/);
});

it('keeps the old one until the new one is valid, and then takes that by itself', async () => {
  const valid = await servedName();
  const later = selfSignedCertificate(['later.example'], 5, new Date(Date.now() + BACKDATED_MS + 3000));
  writeFileSync(certFile, later.certificatePem);
  writeFileSync(keyFile, later.keyPem);
  expect(await reloadCertificate(shell.app)).toBe(false);
  expect(await servedName()).toBe(valid);
  const told = shell.lines().filter(({ level }) => level === 'error');
  expect(JSON.stringify(told.at(-1))).toMatch(/server\.cert_file: the certificate is not valid before .+; it is taken up then/);
  await expect.poll(servedName, { timeout: 30_000 }).toBe('CallFS development (later.example)');
});

it('notices by itself that the files have changed', async () => {
  renewAs('third');
  const deadline = Date.now() + 60_000;
  while ((await servedName()) !== 'third') expect(Date.now()).toBeLessThan(deadline);
});

it('closes connections that do not speak TLS', async () => {
  const socket = connectPlain(shell.port, shell.host);
  socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  socket.resume();
  await once(socket, 'close');
});
