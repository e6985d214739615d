import { existsSync } from 'node:fs';
import { isIP } from 'node:net';
import { resolve } from 'node:path';
import { printablePath } from '../problem';
import type { Judgement } from './judgement';

export function judgeServer(judgement: Judgement): void {
  judgeCertificate(judgement);
  judgePorts(judgement);
  if (judgement.isGiven('tracing.otlp_endpoint'))
    judgement.warn('tracing.otlp_endpoint', 'has no effect yet: this version sends no traces');
}

function judgeCertificate(judgement: Judgement): void {
  const { values, base } = judgement;
  const protocol = values['server.protocol'];
  if (protocol === 'http') return warnOfPlainHttp(judgement);
  const files = (['server.cert_file', 'server.key_file'] as const).map((name) => ({ name, path: resolve(base, values[name]) }));
  const missing = files.filter(({ path }) => !existsSync(path));
  if (protocol === 'auto' && missing.length === files.length) {
    for (const { name, path } of missing.filter(({ name }) => judgement.isGiven(name)))
      judgement.warn(name, `the file ${printablePath(path)} does not exist, so this server speaks plain HTTP`);
    return warnOfPlainHttp(judgement);
  }
  const next =
    protocol === 'https'
      ? 'server.protocol is https; "callfs tls self-signed" makes a pair for development'
      : 'either both the certificate and its key must be there, or neither';
  for (const { name, path } of missing) {
    const what = name === 'server.cert_file' ? 'certificate' : 'key of the certificate';
    judgement.refuse(name, `${what} not found: the file ${printablePath(path)} does not exist; ${next}`);
  }
}

function warnOfPlainHttp({ values, warn }: Judgement): void {
  const { host } = values['server.listen_addr'];
  const behindProxy = values['server.external_url']?.startsWith('https:') || values['server.trusted_proxies'].length > 0;
  if (behindProxy) return;
  const own = values['instance_discovery.peer_endpoints'][values['instance_discovery.instance_id']];
  if (own?.startsWith('https:'))
    warn(
      'instance_discovery.peer_endpoints',
      'has this node at an https address, but it speaks plain HTTP, so that the others cannot reach it. Set server.cert_file and server.key_file, or write http',
      [values['instance_discovery.instance_id']],
    );
  if (isLoopback(host)) return;
  warn(
    'server.listen_addr',
    'plain HTTP on an address that others can reach: keys and files travel unencrypted. Set server.cert_file and server.key_file, or put a TLS proxy in front and name it in server.trusted_proxies',
  );
}

export function isLoopback(host: string): boolean {
  if (isIP(host) === 4) return host.startsWith('127.');
  return host === '::1' || host.toLowerCase() === 'localhost';
}

function judgePorts({ values, refuse }: Judgement): void {
  const api = values['server.listen_addr'];
  const metrics = values['metrics.listen_addr'];
  if (!metrics || metrics.port === 0 || metrics.port !== api.port) return;
  if (metrics.host === api.host || metrics.host === '' || api.host === '')
    refuse('metrics.listen_addr', 'is the address of the API (server.listen_addr); expected a port of its own');
}
