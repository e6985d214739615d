import { existsSync, readFileSync } from 'node:fs';
import type { CallfsConfig } from '../config/config';
import { loadConfig } from '../config/load-config';
import type { Environment } from '../config/variables';
import type { ConfigOption } from './config-option';

/** How to reach a running server, and as whom. */
export interface ServerAddress {
  /** Without a slash at its end. */
  readonly url: string;
  readonly apiKey: string;
  /** PEM of the one certificate that it has; absent: as any other server's is judged. */
  readonly certificate?: string;
}

/**
 * The server that a command is to talk to: that of `CALLFS_URL` and `CALLFS_API_KEY`, or else the one that the
 * configuration describes (`--config`, a file in this directory, or the embedded data). The key of a configuration goes
 * to another address only when `--config` names it. Throws what to set when either is missing.
 */
export function findServer({ config: file }: ConfigOption, env: Environment, cwd: string): ServerAddress {
  const url = env['CALLFS_URL']?.replace(/\/+$/, '') || undefined;
  const key = keyOf(env);
  if (url !== undefined) {
    assertUrl(url);
    const apiKey = key ?? (file === undefined ? undefined : keyIn(configOf(file, env, cwd)));
    if (apiKey === undefined)
      throw new Error('CALLFS_URL is set; set CALLFS_API_KEY as well, to one of the keys of that server.');
    return { url, apiKey };
  }
  const config = configOf(file, env, cwd);
  return { ...addressOf(config), apiKey: key ?? keyIn(config) };
}

/** For whoever used a key that the server does not know: its own words are for those who write the header themselves. */
export function refusedKey(url: string): string {
  return `${url} does not accept this API key. Set CALLFS_API_KEY to one of its keys, or name its configuration with --config.`;
}

function keyOf(env: Environment): string | undefined {
  const file = env['CALLFS_API_KEY_FILE'];
  return env['CALLFS_API_KEY'] || (file ? readFileSync(file, 'utf8').trim() : undefined);
}

function configOf(file: string | undefined, env: Environment, cwd: string): CallfsConfig {
  const { config, embedded } = loadConfig({ file, cwd, env, keepSecrets: false });
  if (embedded && !existsSync(embedded.secretsFile))
    throw new Error(
      'There is no server in this directory. Set CALLFS_URL and CALLFS_API_KEY, or name its configuration with --config.',
    );
  return config;
}

function keyIn({ auth }: CallfsConfig): string {
  const key = auth.apiKeys.find((candidate) => !candidate.startsWith('sha256:'));
  if (key === undefined) throw new Error('The configuration has no superuser key in clear. Set CALLFS_API_KEY to one.');
  return key;
}

/** As a process of the same machine reaches it. */
function addressOf({ server }: CallfsConfig): Pick<ServerAddress, 'url' | 'certificate'> {
  const { host, port } = server.listenAddr;
  if (port === 0) throw new Error('server.listen_addr leaves the port to the system. Set CALLFS_URL to where it listens.');
  const isTls =
    server.protocol === 'auto' ? existsSync(server.certFile) && existsSync(server.keyFile) : server.protocol === 'https';
  const name = host === '' || host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  const url = `${isTls ? 'https' : 'http'}://${name.includes(':') ? `[${name}]` : name}:${port}`;
  return isTls ? { url, certificate: readFileSync(server.certFile, 'utf8') } : { url };
}

function assertUrl(url: string): void {
  if (!/^https?:\/\/[^/]/.test(url) || !URL.canParse(url))
    throw new Error('CALLFS_URL is not the address of a server such as https://files.example.org:8443.');
}
