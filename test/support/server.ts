import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { Client } from './client';

const CLI = join(__dirname, '../../dist/apps/callfs/src/cli.js');
/** A start takes about a second; this bounds one that hangs, on a machine that does ten other things. */
const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 45_000;

/** Every directory that a test server lives in begins like this, so that what a run leaves behind can be found. */
export const DIRECTORY_PREFIX = 'callfs-test-';
export const ROOT_KEY = 'root-key-0123456789abcdef';

/** A user that the servers of the tests know. */
export interface TestUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  /** Supplementary groups. */
  readonly groups: readonly number[];
  readonly key: string;
  readonly umask?: string;
}

const user = (name: string, id: number, groups: number[] = []): TestUser => ({
  name,
  uid: id,
  gid: id,
  groups,
  key: `${name}-key-0123456789abcdef`,
});

/** `alice` and `bob` share the group 3000 (`media`), `carol` is in no group but her own. */
export const USERS = [user('alice', 2001, [3000]), user('bob', 2002, [3000]), user('carol', 2003)] as const;

/** Settings as they stand in the file, sections of keys. */
export type ConfigTree = Record<string, Record<string, unknown>>;

export interface ServerOptions {
  /** Laid over the settings that a test server has anyway, key by key. */
  readonly config?: ConfigTree;
  readonly env?: Readonly<Record<string, string>>;
  /** Start with no file and no variable, in `dir`. */
  readonly embedded?: boolean;
  readonly users?: readonly TestUser[];
  /** Keep the metadata in this PostgreSQL database. */
  readonly dsn?: string;
  /** Live in this directory, which must exist and is not removed, instead of in a new one. */
  readonly dir?: string;
  /** Put in front of the command: `['strace', '-f', …]`. */
  readonly wrapper?: readonly string[];
}

/** A CallFS process, the one that ships, and the directory it lives in. */
export class TestServer {
  url = '';
  stdout = '';
  stderr = '';
  /** Both, as they came, since the first start. */
  output = '';
  private child: ChildProcess | undefined;
  private exited: Promise<number | string> = Promise.resolve(0);
  /** It has ended, and all that it said was heard. */
  private isOver = true;
  private readonly watchers = new Set<() => void>();

  constructor(
    readonly dir: string,
    private readonly options: ServerOptions,
  ) {}

  get dataDir(): string {
    return join(this.dir, 'data');
  }

  get configFile(): string {
    return join(this.dir, 'callfs.yaml');
  }

  get host(): string {
    return new URL(this.url).hostname;
  }

  get port(): number {
    return Number(new URL(this.url).port);
  }

  get pid(): number {
    if (this.child?.pid === undefined) throw new Error('The server is not running.');
    return this.child.pid;
  }

  /** A client with the key of `name`: `root` or one of the users. */
  client(name = 'root'): Client {
    return new Client(() => this.url, name === 'root' ? ROOT_KEY : this.user(name).key);
  }

  /** A client that says nothing of who it is. */
  anonymous(): Client {
    return new Client(() => this.url);
  }

  user(name: string): TestUser {
    const found = (this.options.users ?? USERS).find((candidate) => candidate.name === name);
    if (!found) throw new Error(`No user ${name} in this server's configuration.`);
    return found;
  }

  async start(env: Readonly<Record<string, string>> = {}): Promise<void> {
    const said = this.output.length;
    const [command = process.execPath, ...rest] = [
      ...(this.options.wrapper ?? []),
      process.execPath,
      CLI,
      'server',
      ...(this.options.embedded ? [] : ['--config', this.configFile]),
    ];
    const child = spawn(command, rest, {
      cwd: this.dir,
      // Nothing of the test runner's environment: a variable named CALLFS_… or NODE_OPTIONS would change what is tested.
      env: { PATH: process.env['PATH'], HOME: this.dir, ...this.options.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.child = child;
    this.exited = new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code, signal) => resolve(signal ?? code ?? -1));
    });
    this.exited.catch(() => undefined);
    child.stdout.setEncoding('utf8').on('data', (text: string) => this.hear('stdout', text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => this.hear('stderr', text));
    this.isOver = false;
    child.once('close', () => {
      this.isOver = true;
      this.wake();
    });
    await this.waitForOutput(() => this.findUrl(said), START_TIMEOUT_MS, 'did not say where it is listening');
  }

  /** Resolves as soon as the output holds a match of `pattern` beyond its first `from` characters. */
  async waitFor(pattern: RegExp, from = 0, timeoutMs = START_TIMEOUT_MS): Promise<void> {
    await this.waitForOutput(() => pattern.test(this.output.slice(from)), timeoutMs, `did not say ${String(pattern)}`);
  }

  /** SIGTERM, and a clean exit within the grace. */
  async stop(): Promise<void> {
    if (!this.child) return;
    this.signal('SIGTERM');
    const code = await this.exit(STOP_TIMEOUT_MS);
    if (code !== 0) throw new Error(`The server ended with ${code} after SIGTERM.\n${this.lastLines()}`);
  }

  /** SIGKILL: what a crash leaves. */
  async kill(): Promise<void> {
    if (!this.child) return;
    this.signal('SIGKILL');
    await this.exit(STOP_TIMEOUT_MS);
  }

  async restart(env: Readonly<Record<string, string>> = {}): Promise<void> {
    await this.stop();
    await this.start(env);
  }

  signal(signal: NodeJS.Signals): void {
    process.kill(this.pid, signal);
  }

  /** The exit code, or the name of the signal that ended it. Kills it when it has not ended in time, and says so. */
  async exit(timeoutMs = STOP_TIMEOUT_MS): Promise<number | string> {
    const child = this.child;
    if (!child) throw new Error('The server is not running.');
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      child.kill('SIGKILL');
    }, timeoutMs);
    const code = await this.exited.finally(() => clearTimeout(timer));
    this.child = undefined;
    if (late) throw new Error(`The server had not ended after ${timeoutMs} ms.\n${this.lastLines()}`);
    return code;
  }

  get running(): boolean {
    return this.child !== undefined && this.child.exitCode === null && this.child.signalCode === null;
  }

  /** Removes its directory, unless the caller brought it. */
  async remove(): Promise<void> {
    if (this.running) await this.kill();
    if (this.options.dir === undefined) await rm(this.dir, { recursive: true, force: true });
  }

  lastLines(count = 40): string {
    return this.output.trimEnd().split('\n').slice(-count).join('\n');
  }

  /** What the process has open: files, sockets, pipes by the names that the kernel gives them. */
  async openDescriptors(): Promise<string[]> {
    const folder = `/proc/${this.pid}/fd`;
    const links = (await readdir(folder)).map((fd) => readlink(join(folder, fd)).catch(() => ''));
    return (await Promise.all(links)).filter((target) => target !== '').sort();
  }

  /** Resident memory now and at its highest, in bytes. */
  async memory(): Promise<{ resident: number; peak: number }> {
    const status = await readFile(`/proc/${this.pid}/status`, 'utf8');
    const field = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? NaN) * 1024;
    return { resident: field('VmRSS'), peak: field('VmHWM') };
  }

  /** Begins to measure the peak of memory anew. */
  async resetPeakMemory(): Promise<void> {
    await writeFile(`/proc/${this.pid}/clear_refs`, '5');
  }

  private hear(stream: 'stdout' | 'stderr', text: string): void {
    this[stream] += text;
    this.output += text;
    this.wake();
  }

  private wake(): void {
    for (const watcher of this.watchers) watcher();
  }

  private findUrl(from: number): boolean {
    const line = this.output
      .slice(from)
      .split('\n')
      .find((candidate) => /listening/i.test(candidate) && /https?:\/\//.test(candidate));
    const url = line === undefined ? undefined : /https?:\/\/[^\s"'\\]+/.exec(line)?.[0];
    if (url === undefined) return false;
    this.url = url.replace(/\/$/, '');
    return true;
  }

  private async waitForOutput(found: () => boolean, timeoutMs: number, complaint: string): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const settle = (error?: Error) => {
        clearTimeout(timer);
        this.watchers.delete(look);
        if (error) reject(error);
        else resolve();
      };
      const look = () => {
        if (found()) settle();
        else if (this.isOver) settle(new Error(`The server ended; it ${complaint}.\n${this.lastLines()}`));
      };
      const timer = setTimeout(() => settle(new Error(`The server ${complaint}.\n${this.lastLines()}`)), timeoutMs);
      this.watchers.add(look);
      look();
    });
  }
}

/** Starts the real program on a port of its own. The caller stops and removes it; `useServer` does both. */
export async function startServer(options: ServerOptions = {}): Promise<TestServer> {
  const server = await prepareServer(options);
  try {
    await server.start();
  } catch (error) {
    await server.remove();
    throw error;
  }
  return server;
}

/** One server for one piece of work, stopped cleanly when the work succeeds, and gone in any case. */
export async function withServer(options: ServerOptions, work: (server: TestServer) => Promise<void>): Promise<void> {
  const server = await startServer(options);
  try {
    await work(server);
    if (server.running) await server.stop();
  } finally {
    await server.remove();
  }
}

/** The directory and the file for a server that is not started yet. */
export async function prepareServer(options: ServerOptions = {}): Promise<TestServer> {
  const dir = options.dir ?? (await mkdtemp(join(tmpdir(), DIRECTORY_PREFIX)));
  const server = new TestServer(dir, options);
  if (!options.embedded) {
    await mkdir(server.dataDir, { recursive: true });
    await writeFile(server.configFile, stringify(configuration(server, options)), { mode: 0o600 });
  }
  return server;
}

/**
 * For tests of what happens at once, whatever time it takes: on a slow disk fifty writes of one file, one after the other,
 * take longer than a write waits for its lock.
 */
export const PATIENT = {
  server: { listen_addr: '127.0.0.1:0', protocol: 'http', file_op_timeout: '100s', metadata_op_timeout: '100s' },
  dlm: { type: 'local', acquire_timeout: '100s' },
} satisfies ConfigTree;

/** Secrets of the tests, here so that a test can look for them where they must not be. */
export const SECRETS = { internalProxy: 'peer-secret-of-the-tests-1', singleUseLink: 'link-secret-of-the-tests-2' };

function configuration(server: TestServer, options: ServerOptions): ConfigTree {
  const users = (options.users ?? USERS).map(({ key, ...rest }) => ({ ...rest, keys: [key] }));
  const base: ConfigTree = {
    server: { listen_addr: '127.0.0.1:0', protocol: 'http' },
    auth: {
      api_keys: [ROOT_KEY],
      users,
      internal_proxy_secret: SECRETS.internalProxy,
      single_use_link_secret: SECRETS.singleUseLink,
    },
    log: { level: 'info', format: 'json' },
    backend: { localfs_root_path: server.dataDir },
    metadata_store: options.dsn
      ? { type: 'postgres', dsn: options.dsn }
      : { type: 'sqlite', sqlite_path: join(server.dir, 'metadata.sqlite') },
    dlm: { type: 'local' },
    instance_discovery: { instance_id: 'callfs-test' },
  };
  for (const [section, keys] of Object.entries(options.config ?? {})) base[section] = { ...base[section], ...keys };
  return base;
}

/** Resolves when the event has happened within the time, and rejects naming it when not. */
export async function eventually(emitter: NodeJS.EventEmitter, event: string, timeoutMs = 60_000): Promise<unknown[]> {
  return once(emitter, event, { signal: AbortSignal.timeout(timeoutMs) });
}
