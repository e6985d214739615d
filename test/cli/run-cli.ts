import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { DIRECTORY_PREFIX, ROOT_KEY } from '../support/server';

const CLI = join(__dirname, '../../callfs');
/** A command takes half a second; this bounds one that hangs, on a machine that does ten other things. */
const LONGEST_MS = 100_000;

export interface CliOptions {
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Run as this user, not as root. */
  readonly uid?: number;
}

export interface CliResult {
  readonly code: number | string;
  readonly stdout: string;
  readonly stderr: string;
}

/** Nothing of the test runner's own environment reaches the program. */
function spawnCli(args: readonly string[], { cwd, env, uid }: CliOptions): ChildProcessWithoutNullStreams {
  return spawn(process.execPath, [CLI, ...args], {
    cwd,
    env: { PATH: process.env['PATH'], HOME: cwd, ...env },
    stdio: 'pipe',
    ...(uid === undefined ? {} : { uid, gid: uid }),
  });
}

/** Runs the program that ships to its end. */
export async function runCli(args: readonly string[], options: CliOptions): Promise<CliResult> {
  const running = new RunningCli(spawnCli(args, options));
  const timer = setTimeout(() => running.kill('SIGKILL'), LONGEST_MS);
  const code = await running.exit.finally(() => clearTimeout(timer));
  return { code, stdout: running.stdout, stderr: running.stderr };
}

/** The program in `directory` as the client of `server`, with the superuser's key. */
export function clientIn(directory: { readonly path: string }, server: { readonly url: string }) {
  return (...args: string[]): Promise<CliResult> =>
    runCli(args, { cwd: directory.path, env: { CALLFS_URL: server.url, CALLFS_API_KEY: ROOT_KEY } });
}

/** Starts the program and resolves once it has said `pattern` on either stream. */
export async function startCli(args: readonly string[], options: CliOptions, pattern: RegExp): Promise<RunningCli> {
  const running = new RunningCli(spawnCli(args, options));
  await running.says(pattern);
  return running;
}

/** A program on its way. */
export class RunningCli {
  stdout = '';
  stderr = '';
  /** Resolves to the exit code, or the name of the signal that ended it. */
  readonly exit: Promise<number | string>;
  private readonly listeners = new Set<() => void>();

  constructor(private readonly child: ChildProcessWithoutNullStreams) {
    const hear = (stream: 'stdout' | 'stderr') => (text: string) => {
      this[stream] += text;
      for (const listener of this.listeners) listener();
    };
    child.stdout.setEncoding('utf8').on('data', hear('stdout'));
    child.stderr.setEncoding('utf8').on('data', hear('stderr'));
    this.exit = new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code, signal) => {
        resolve(signal ?? code ?? -1);
        for (const listener of this.listeners) listener();
      });
    });
  }

  get pid(): number {
    return this.child.pid ?? -1;
  }

  get output(): string {
    return this.stdout + this.stderr;
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** Resolves once the output holds `pattern`; rejects when the program ends or takes too long before. */
  async says(pattern: RegExp): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const settle = (error?: Error) => {
        clearTimeout(timer);
        this.listeners.delete(look);
        if (error) reject(error);
        else resolve();
      };
      const look = () => {
        if (pattern.test(this.output)) settle();
        else if (this.child.exitCode !== null) settle(new Error(`It ended without ${String(pattern)}:\n${this.output}`));
      };
      const timer = setTimeout(() => {
        this.kill('SIGKILL');
        settle(new Error(`It did not say ${String(pattern)}:\n${this.output}`));
      }, LONGEST_MS);
      this.listeners.add(look);
      look();
    });
  }
}

/** A directory for the tests of a file, removed after them. */
export function useDirectory(): { readonly path: string } {
  const directory = { path: '' };
  beforeAll(async () => {
    directory.path = await mkdtemp(join(tmpdir(), DIRECTORY_PREFIX));
  });
  afterAll(() => rm(directory.path, { recursive: true, force: true }));
  return directory;
}

export const KEY = 'Qw7-key-of-the-operator';

/** A configuration in variables that needs nothing but a free port. */
export function variables(data: string): Record<string, string> {
  return {
    CALLFS_SERVER_LISTEN_ADDR: '127.0.0.1:0',
    CALLFS_SERVER_PROTOCOL: 'http',
    CALLFS_AUTH_API_KEYS: KEY,
    CALLFS_AUTH_INTERNAL_PROXY_SECRET: 'Hk3-proxy-93jf02kd8a',
    CALLFS_AUTH_SINGLE_USE_LINK_SECRET: 'Zp9-links-1mf84ha0xq',
    CALLFS_BACKEND_LOCALFS_ROOT_PATH: data,
  };
}
