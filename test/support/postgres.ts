import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chownSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';
import { requireTool } from './engines';
import { claimPort } from './ports';
import { DIRECTORY_PREFIX } from './server';

const VERSIONS = '/usr/lib/postgresql';
const START_TIMEOUT_MS = 60_000;
const MAX_RESTARTS = 100;
const PASSWORD = 'postgres-password-of-the-tests';

/** Further settings, as `postgres -c` takes them. */
export type PostgresSettings = Readonly<Record<string, string>>;

/** A real PostgreSQL of its own, durable as in production, over TCP and over a socket in its directory. */
export class PostgresServer {
  readonly user = 'callfs';
  readonly password = PASSWORD;
  private child: ChildProcess | undefined;
  private log = '';

  private constructor(
    readonly directory: string,
    readonly port: number,
    private readonly bin: string,
    private readonly owner: { uid?: number; gid?: number },
    private readonly settings: PostgresSettings,
  ) {}

  static async start(settings: PostgresSettings = {}): Promise<PostgresServer> {
    const bin = binaries();
    const directory = mkdtempSync(join(tmpdir(), `${DIRECTORY_PREFIX}pg-`));
    const owner = ownerOfServers();
    const server = new PostgresServer(directory, await claimPort(), bin, owner, settings);
    try {
      server.initialise();
      await server.run();
      return server;
    } catch (error) {
      await server.stop();
      throw new Error(`PostgreSQL did not start.\n${server.log.slice(-2000)}`, { cause: error });
    }
  }

  /** Of a database; `parameters` such as `sslmode=require`. */
  dsn(database = 'postgres', parameters = 'sslmode=disable', port = this.port): string {
    return `postgres://${this.user}:${this.password}@127.0.0.1:${port}/${database}?${parameters}`;
  }

  /** Over the socket in the file system. */
  socketDsn(database = 'postgres'): string {
    return `postgres://${this.user}:${this.password}@/${database}?host=${encodeURIComponent(this.directory)}&port=${this.port}`;
  }

  /** A new one, empty or a copy of `template`; its name. */
  async createDatabase(template = 'template0'): Promise<string> {
    const name = `test_${randomBytes(6).toString('hex')}`;
    await this.query(`CREATE DATABASE ${name} TEMPLATE ${template}`);
    return name;
  }

  async query<R extends object>(sql: string, database = 'postgres'): Promise<R[]> {
    const client = new Client({ connectionString: this.dsn(database) });
    client.on('error', () => undefined);
    await client.connect();
    try {
      return (await client.query<R>(sql)).rows;
    } finally {
      await client.end();
    }
  }

  get pid(): number {
    if (this.child?.pid === undefined) throw new Error('PostgreSQL is not running.');
    return this.child.pid;
  }

  /** As a machine that loses its power: every process at once, nothing written. */
  async crash(): Promise<void> {
    await this.end('SIGKILL');
    // Those that it had started know nothing of its end yet; all of them work in its data.
    const data = join(this.directory, 'data');
    for (let left = processesIn(data); left.length > 0; left = processesIn(data)) {
      for (const pid of left) killIfThere(pid);
      await delay(20);
    }
  }

  /** Cuts off its clients and ends cleanly. */
  async shutDown(): Promise<void> {
    await this.end('SIGINT');
  }

  async run(): Promise<void> {
    const settings = {
      listen_addresses: '127.0.0.1',
      unix_socket_directories: this.directory,
      max_connections: '200',
      ...this.settings,
    };
    const options = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    rmSync(join(this.directory, 'data', 'postmaster.pid'), { force: true });
    const args = ['-D', join(this.directory, 'data'), '-p', String(this.port), ...options];
    const begin = () => {
      const child = spawn(join(this.bin, 'postgres'), args, {
        ...this.owner,
        cwd: this.directory,
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      child.stderr.setEncoding('utf8').on('data', (text: string) => (this.log += text));
      return (this.child = child);
    };
    let child = begin();
    let attempts = MAX_RESTARTS;
    const deadline = Date.now() + START_TIMEOUT_MS;
    for (;;) {
      try {
        await this.query('SELECT 1');
        return;
      } catch (error) {
        if (Date.now() > deadline) throw error;
        await delay(child.exitCode === null ? 30 : 200);
        // After a crash the last of its processes may still hold the memory that they shared: then it does not start.
        if (child.exitCode !== null && attempts-- === 0)
          throw new Error(`PostgreSQL does not start: ${this.log.slice(-500)}`, { cause: error });
        if (child.exitCode !== null) child = begin();
      }
    }
  }

  async stop(): Promise<void> {
    await this.end('SIGQUIT');
    rmSync(this.directory, { recursive: true, force: true });
  }

  private async end(signal: NodeJS.Signals): Promise<void> {
    const { child } = this;
    this.child = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    child.kill(signal);
    await once(child, 'exit');
  }

  private initialise(): void {
    const { uid, gid } = this.owner;
    const password = join(this.directory, 'password');
    writeFileSync(password, this.password, { mode: 0o600 });
    if (uid !== undefined && gid !== undefined) for (const path of [this.directory, password]) chownSync(path, uid, gid);
    const options = [
      '-U',
      this.user,
      '--auth=scram-sha-256',
      `--pwfile=${password}`,
      '--encoding=UTF8',
      '--locale=C.UTF-8',
      '--no-sync',
    ];
    execFileSync(join(this.bin, 'initdb'), ['-D', join(this.directory, 'data'), ...options], {
      ...this.owner,
      cwd: this.directory,
      stdio: 'pipe',
    });
  }
}

function processesIn(directory: string): number[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.map(Number).filter((pid) => {
    try {
      return readlinkSync(`/proc/${pid}/cwd`) === directory;
    } catch {
      // It has ended meanwhile.
      return false;
    }
  });
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Debian keeps each version in a folder of its own, which is in nobody's PATH. */
function binaries(): string {
  const find = () => {
    const versions = existsSync(VERSIONS) ? readdirSync(VERSIONS).sort((a, b) => Number(b) - Number(a)) : [];
    return versions.map((version) => join(VERSIONS, version, 'bin')).find((bin) => existsSync(join(bin, 'initdb')));
  };
  const found = find();
  if (found) return found;
  // Debian would start a server of its own with the package.
  if (process.getuid?.() === 0) {
    mkdirSync('/etc/postgresql-common', { recursive: true });
    writeFileSync('/etc/postgresql-common/createcluster.conf', 'create_main_cluster = false\n', { flag: 'wx' });
  }
  requireTool('pg_ctlcluster', ['postgresql']);
  const installed = find();
  if (!installed) throw new Error('The tests need PostgreSQL. Install it: apt-get install --no-install-recommends postgresql');
  return installed;
}

/** PostgreSQL refuses to run as root. */
function ownerOfServers(): { uid?: number; gid?: number } {
  if (process.getuid?.() !== 0) return {};
  const id = (flag: string) => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }));
  return { uid: id('-u'), gid: id('-g') };
}
