import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import Redis, { type RedisOptions } from 'ioredis';
import { selfSignedCertificate } from '../../apps/callfs/src/cli/tls/self-signed-certificate';
import { requireTool } from './engines';
import { claimPort } from './ports';
import { DIRECTORY_PREFIX } from './server';

const START_TIMEOUT_MS = 60_000;

export interface RedisServerOptions {
  /** Of the default user; no other is let in without it. */
  readonly password?: string;
  /** An ACL user that may do to CallFS's keys what our documentation says it has to. */
  readonly user?: { readonly name: string; readonly password: string };
  /** Speak TLS alone, with a certificate for 127.0.0.1 of its own. */
  readonly tls?: boolean;
  /** Be a sentinel for the master at this port of 127.0.0.1, which it calls `mymaster`. */
  readonly watches?: { readonly port: number; readonly password?: string };
  /** More lines of `redis.conf`. */
  readonly config?: readonly string[];
}

/** A real Redis of its own, on loopback, that keeps nothing unless it is told to. */
export class RedisServer {
  private child: ChildProcess | undefined;
  private readonly clients: Redis[] = [];
  private log = '';

  private constructor(
    private readonly directory: string,
    readonly port: number,
    private readonly options: RedisServerOptions,
    /** PEM of its certificate, when it speaks TLS. */
    readonly certificate: string | undefined,
  ) {}

  static async start(options: RedisServerOptions = {}): Promise<RedisServer> {
    requireTool('redis-server');
    const directory = await mkdtemp(join(tmpdir(), `${DIRECTORY_PREFIX}redis-`));
    const port = await claimPort();
    const pair = options.tls ? selfSignedCertificate(['127.0.0.1'], 2, new Date()) : undefined;
    const server = new RedisServer(directory, port, options, pair?.certificatePem);
    try {
      if (pair) {
        await writeFile(join(directory, 'server.crt'), pair.certificatePem);
        await writeFile(join(directory, 'server.key'), pair.keyPem, { mode: 0o600 });
      }
      await writeFile(join(directory, 'redis.conf'), server.configuration());
      await server.begin();
      return server;
    } catch (error) {
      await server.stop();
      throw error;
    }
  }

  /** As `dlm.redis_addr` has it. */
  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** A client for looking in; closed with the server. */
  client(options: RedisOptions = {}): Redis {
    const tls = this.certificate === undefined ? undefined : { ca: this.certificate };
    const client = new Redis({ host: '127.0.0.1', port: this.port, password: this.options.password, tls, ...options });
    client.on('error', () => undefined);
    this.clients.push(client);
    return client;
  }

  /** `SIGSTOP` makes it silent, `SIGCONT` goes on. */
  signal(signal: NodeJS.Signals): void {
    this.child?.kill(signal);
  }

  /** SIGKILL; `restart` brings it back. */
  async kill(): Promise<void> {
    const child = this.child;
    this.child = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }

  /** Comes back on the same port, empty unless its configuration says otherwise. */
  async restart(): Promise<void> {
    await this.kill();
    await this.begin();
  }

  async stop(): Promise<void> {
    for (const client of this.clients.splice(0)) client.disconnect();
    await this.kill();
    await rm(this.directory, { recursive: true, force: true });
  }

  private async begin(): Promise<void> {
    const mode = this.options.watches ? ['--sentinel'] : [];
    const child = spawn('redis-server', [join(this.directory, 'redis.conf'), ...mode], { stdio: ['ignore', 'pipe', 'pipe'] });
    this.child = child;
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => (this.log += text));
    const deadline = Date.now() + START_TIMEOUT_MS;
    while (!/Ready to accept connections|\+monitor master/.test(this.log)) {
      if (child.exitCode !== null || Date.now() > deadline) throw new Error(`Redis did not start.\n${this.log.slice(-2000)}`);
      await delay(10);
    }
    this.log = '';
  }

  private configuration(): string {
    const { password, user, tls, watches, config = [] } = this.options;
    if (watches) return sentinelConfiguration(this.port, this.directory, watches);
    return [
      'bind 127.0.0.1',
      ...(tls ? [`tls-port ${this.port}`, 'port 0', 'tls-auth-clients no'] : [`port ${this.port}`]),
      ...(tls ? [`tls-cert-file ${this.directory}/server.crt`, `tls-key-file ${this.directory}/server.key`] : []),
      `dir ${this.directory}`,
      'save ""',
      'appendonly no',
      ...(password === undefined ? [] : [`requirepass ${password}`]),
      ...(user === undefined ? [] : [`user ${user.name} on >${user.password} ~callfs:* &callfs:* +@all`]),
      ...config,
      '',
    ].join('\n');
  }
}

/** One that decides alone, and soon, but not because the machine was busy for a moment. */
function sentinelConfiguration(
  port: number,
  directory: string,
  { port: master, password }: { port: number; password?: string },
): string {
  return [
    'bind 127.0.0.1',
    `port ${port}`,
    `dir ${directory}`,
    `sentinel monitor mymaster 127.0.0.1 ${master} 1`,
    'sentinel down-after-milliseconds mymaster 1500',
    'sentinel failover-timeout mymaster 5000',
    ...(password === undefined ? [] : [`sentinel auth-pass mymaster ${password}`]),
    '',
  ].join('\n');
}
