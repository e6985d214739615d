import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { ChildServer } from './child-server.mjs';

const CLI = fileURLToPath(new URL('../dist/apps/callfs/src/cli.js', import.meta.url));
const START_TIMEOUT_MS = 30_000;
export const KEY = 'bench-key-0123456789abcdef';
export const AUTHORIZATION = `Authorization: Bearer ${KEY}`;

/** The program as it ships: durable, with access log and metrics, one node, the embedded metadata unless `settings` say else. */
export class Callfs extends ChildServer {
  /** `preload`: a script that is to run in it as well. */
  static async start(directory, settings = {}, preload = undefined) {
    await mkdir(directory, { recursive: true });
    const config = join(directory, 'callfs.yaml');
    writeFileSync(config, stringify({ ...configuration(directory), ...settings }), { mode: 0o600 });
    const log = openSync(join(directory, 'callfs.log'), 'w');
    const child = spawn(process.execPath, [...(preload ? ['--import', preload] : []), CLI, 'server', '--config', config], {
      cwd: directory,
      env: { PATH: process.env.PATH, HOME: directory },
      stdio: ['ignore', log, log],
    });
    closeSync(log);
    const server = new Callfs(directory, child);
    await server.waitForPort();
    return server;
  }

  constructor(directory, child) {
    super(child);
    this.directory = directory;
    this.database = join(directory, 'metadata.sqlite');
  }

  async request(method, path, body) {
    const response = await fetch(`${this.url}${path}`, { method, body, headers: { Authorization: `Bearer ${KEY}` } });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text.slice(0, 300)}`);
    return text;
  }

  /** The log says where it listens, in a line of its own. */
  async waitForPort() {
    const deadline = Date.now() + START_TIMEOUT_MS;
    const path = join(this.directory, 'callfs.log');
    while (Date.now() < deadline && this.child.exitCode === null) {
      const found = /listening.*?https?:\/\/[^\s:"]+:(\d+)/i.exec(readFileSync(path, 'utf8'));
      if (found) {
        this.port = Number(found[1]);
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    this.child.kill('SIGKILL');
    throw new Error(`CallFS did not start:\n${readFileSync(path, 'utf8').split('\n').slice(-20).join('\n')}`);
  }
}

function configuration(directory) {
  return {
    server: { listen_addr: '127.0.0.1:0', protocol: 'http' },
    auth: { api_keys: [KEY], internal_proxy_secret: 'bench-peer-secret-1', single_use_link_secret: 'bench-link-secret-2' },
    log: { level: 'info', format: 'json' },
    metrics: { listen_addr: '127.0.0.1:0' },
    backend: { localfs_root_path: join(directory, 'data') },
    storage: { durability: 'full' },
    metadata_store: { type: 'sqlite', sqlite_path: join(directory, 'metadata.sqlite') },
    dlm: { type: 'local' },
  };
}
