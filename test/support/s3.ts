import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { requireTool } from './engines';
import { claimPort } from './ports';
import { DIRECTORY_PREFIX } from './server';

const run = promisify(execFile);
const PACKAGES = ['ceph-mon', 'ceph-osd', 'radosgw', 'ceph-common'];
const START_TIMEOUT_MS = 90_000;
const MAX_RESTARTS = 5;
const CREDENTIALS = { accessKey: 'callfs-test-access-key', secretKey: 'callfs-test-secret-key', region: 'us-east-1' };

/** Where a server is, and how one gets in. */
export interface S3Place {
  readonly port: number;
  readonly endpoint: string;
  readonly accessKey: string;
  readonly secretKey: string;
  readonly region: string;
}

/**
 * A real S3 server of its own: Ceph with one monitor, one store in memory and one gateway, on loopback. It takes a
 * quarter of a minute to start and 420 MB, so one serves a whole run (`askForS3`), but for files that stop it.
 */
export class S3Server {
  private readonly daemons: ChildProcess[] = [];
  private readonly config: string;
  private log = '';
  private isReady = false;
  private restarts = 0;

  private constructor(
    private readonly directory: string,
    private readonly monitorPort: number,
    private readonly port: number,
  ) {
    this.config = join(directory, 'ceph.conf');
  }

  static async start(): Promise<S3Server> {
    requireTool('radosgw', PACKAGES);
    const directory = await mkdtemp(join(tmpdir(), `${DIRECTORY_PREFIX}s3-`));
    const server = new S3Server(directory, await claimPort(), await claimPort());
    try {
      await server.begin();
      return server;
    } catch (error) {
      await server.stop();
      throw new Error(`The S3 server did not start.\n${server.log.slice(-2000)}`, { cause: error });
    }
  }

  get place(): S3Place {
    return { port: this.port, endpoint: `http://127.0.0.1:${this.port}`, ...CREDENTIALS };
  }

  /** Its processes, for tests that stop them for a while. */
  signalGateway(signal: NodeJS.Signals): void {
    this.daemons.at(-1)?.kill(signal);
  }

  async stop(): Promise<void> {
    this.isReady = true;
    for (const daemon of this.daemons.splice(0).reverse()) {
      if (daemon.exitCode !== null || daemon.signalCode !== null) continue;
      daemon.kill('SIGKILL');
      await once(daemon, 'exit');
    }
    await rm(this.directory, { recursive: true, force: true });
  }

  private async begin(): Promise<void> {
    for (const name of ['mon', 'osd', 'rgw', 'log']) await mkdir(join(this.directory, name));
    const id = randomUUID();
    await writeFile(this.config, this.configuration(id));
    const [keyring, map] = [join(this.directory, 'keyring'), join(this.directory, 'monmap')];
    await run('ceph-authtool', ['--create-keyring', keyring, '--gen-key', '-n', 'mon.', '--cap', 'mon', 'allow *']);
    const everything = ['mon', 'osd', 'mgr'].flatMap((part) => ['--cap', part, 'allow *']);
    await run('ceph-authtool', [keyring, '--gen-key', '-n', 'client.admin', ...everything]);
    await run('monmaptool', ['--create', '--clobber', '--fsid', id, '--addv', 'a', `[v1:127.0.0.1:${this.monitorPort}]`, map]);
    await this.ceph('ceph-mon', '--mkfs', '-i', 'a', '--monmap', map, '--keyring', keyring);
    this.daemon('ceph-mon', '-i', 'a');
    await this.until('the monitor', () => this.ceph('ceph', '--connect-timeout', '5', '-s'));
    const osd = randomUUID();
    await this.told('ceph', 'osd', 'new', osd);
    await this.ceph('ceph-osd', '-i', '0', '--mkfs', '--osd-uuid', osd);
    await this.told('ceph', 'osd', 'crush', 'add', 'osd.0', '1.0', 'root=default', 'host=localhost');
    this.daemon('ceph-osd', '-i', '0');
    this.daemon('radosgw', '-n', 'client.rgw.a');
    await this.until('the gateway', async () => void (await fetch(this.place.endpoint)));
    const keys = [`--access-key=${CREDENTIALS.accessKey}`, `--secret-key=${CREDENTIALS.secretKey}`];
    await this.told('radosgw-admin', 'user', 'create', '--uid=test', '--display-name=test', ...keys);
    this.isReady = true;
  }

  private async ceph(program: string, ...args: string[]): Promise<void> {
    await run(program, ['-c', this.config, ...args], { timeout: START_TIMEOUT_MS });
  }

  /**
   * The same for what the monitor is told: it refuses a client now and then that has not heard of its fsid yet ("wrong
   * fsid", EPERM), which is over when it is asked again. Telling it twice does no harm.
   */
  private told(program: string, ...args: string[]): Promise<void> {
    return this.until(`"${program} ${args.join(' ')}"`, () => this.ceph(program, ...args));
  }

  /** Started again when it ends before all is ready: the monitor refuses daemons for the same reason. */
  private daemon(program: string, ...args: string[]): void {
    const at = this.daemons.length;
    const start = () => {
      const child = spawn(program, ['-c', this.config, '-f', ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
      child.stderr.setEncoding('utf8').on('data', (text: string) => (this.log += text));
      child.on('exit', () => {
        if (!this.isReady && this.restarts++ < MAX_RESTARTS) start();
      });
      this.daemons[at] = child;
    };
    start();
  }

  private async until(what: string, works: () => Promise<void>): Promise<void> {
    const deadline = Date.now() + START_TIMEOUT_MS;
    for (;;) {
      try {
        return await works();
      } catch (error) {
        const exited = this.daemons.some(({ exitCode }) => exitCode !== null);
        if (exited || Date.now() > deadline) throw new Error(`${what} did not come up`, { cause: error });
        await delay(100);
      }
    }
  }

  private configuration(id: string): string {
    const { directory: dir } = this;
    return `[global]
fsid = ${id}
mon initial members = a
mon host = [v1:127.0.0.1:${this.monitorPort}]
auth cluster required = none
auth service required = none
auth client required = none
ms bind msgr2 = false
run dir = ${dir}
log file = ${dir}/log/$name.log
admin socket = ${dir}/$name.asok
keyring = ${dir}/keyring
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 8
osd pool default pgp num = 8
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
osd crush update on start = false
osd class update on start = false
mon allow pool size one = true
mon warn on pool no redundancy = false
mon max pg per osd = 1000
[mon.a]
host = localhost
mon data = ${dir}/mon
mon data avail crit = 1
[osd.0]
host = localhost
osd data = ${dir}/osd
osd objectstore = memstore
memstore device bytes = 4294967296
osd class load list = *
osd class default list = *
osd memory target = 939524096
[client.rgw.a]
rgw frontends = beast endpoint=127.0.0.1:${this.port} tcp_nodelay=1
rgw data = ${dir}/rgw
rgw enable usage log = false
rgw max chunk size = 4194304
rgw gc obj min wait = 10
rgw gc processor period = 10
rgw dns name = localhost
`;
  }
}
