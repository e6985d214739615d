import { execFile, execFileSync, spawn } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { ended } from './child-server.mjs';

const run = promisify(execFile);
const ROWS = 1000;
const ATTEMPTS = 200;

/** A PostgreSQL of its own as it comes, durable, on a socket in its directory alone. */
export class Postgres {
  /** `bin`: the folder with `postgres`, `initdb` and `pgbench`. */
  static async start(bin, directory) {
    // It does not run as root.
    const owner = process.getuid() === 0 ? { uid: idOf('-u'), gid: idOf('-g') } : {};
    mkdirSync(directory, { recursive: true });
    if (owner.uid !== undefined) {
      chmodSync(dirname(directory), 0o755);
      chownSync(directory, owner.uid, owner.gid);
    }
    const data = join(directory, 'data');
    const options = { ...owner, cwd: directory, stdio: 'ignore' };
    const setup = ['-U', 'bench', '--auth=trust', '--encoding=UTF8', '--locale=C.UTF-8'];
    execFileSync(join(bin, 'initdb'), ['-D', data, ...setup], options);
    const settings = ['-c', 'listen_addresses=', '-c', `unix_socket_directories=${directory}`];
    const server = new Postgres(bin, directory, spawn(join(bin, 'postgres'), ['-D', data, ...settings], options));
    await attempted(() => server.sql('postgres', 'CREATE DATABASE callfs'), server.child);
    await server.sql('postgres', 'CREATE DATABASE beside');
    return server;
  }

  constructor(bin, directory, child) {
    this.bin = bin;
    this.directory = directory;
    this.child = child;
  }

  get dsn() {
    return `postgres://bench@/callfs?host=${encodeURIComponent(this.directory)}`;
  }

  async sql(database, text) {
    await run(join(this.bin, 'psql'), ['-h', this.directory, '-U', 'bench', '-v', 'ON_ERROR_STOP=1', '-c', text, database]);
  }

  /** A table of 1,000 contents beside the metadata, for `pgbench`. */
  async prepareRows(size) {
    await this.sql(
      'beside',
      `CREATE TABLE IF NOT EXISTS kept (id BIGINT PRIMARY KEY, data BYTEA NOT NULL);
       ALTER TABLE kept ALTER data SET STORAGE EXTERNAL;
       INSERT INTO kept SELECT n, decode(repeat('61', ${size}), 'hex') FROM generate_series(1, ${ROWS}) n ON CONFLICT DO NOTHING; ANALYZE`,
    );
  }

  /** Prepared statements a second, each over random rows and a transaction of its own. */
  async bench({ connections, seconds, statement }) {
    const script = join(this.directory, 'statement.sql');
    writeFileSync(script, `\\set id random(1, ${ROWS})\n${statement};\n`);
    const load = ['-n', '-M', 'prepared', '-c', String(connections), '-j', '1', '-T', String(Math.ceil(seconds)), '-f', script];
    const { stdout } = await run(join(this.bin, 'pgbench'), ['-h', this.directory, '-U', 'bench', ...load, 'beside']);
    return Number(/tps = ([\d.]+) \(without/.exec(stdout)[1]);
  }

  async stop() {
    await ended(this.child, 'SIGINT');
  }
}

/** A Redis of its own on a socket in its directory, which keeps nothing. */
export class Redis {
  static async start(program, directory, port) {
    mkdirSync(directory, { recursive: true });
    const settings = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--dir', directory];
    const child = spawn(program, [...settings, '--maxmemory-policy', 'noeviction'], { stdio: 'ignore' });
    return new Redis(child, port);
  }

  constructor(child, port) {
    this.child = child;
    this.address = `127.0.0.1:${port}`;
  }

  async stop() {
    await ended(this.child, 'SIGTERM');
  }
}

async function attempted(work, child) {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (attempt === ATTEMPTS || child.exitCode !== null) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

function idOf(flag) {
  return Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }));
}
