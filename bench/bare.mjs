import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { memoryOf, resetPeakOf } from './memory.mjs';

const SERVER = fileURLToPath(new URL('bare-server.mjs', import.meta.url));

/** One of the servers of bare-server.mjs, in a process of its own. */
export class Bare {
  static async start(mode, ...settings) {
    const child = spawn(process.execPath, [SERVER, mode, ...settings.map(String)], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [port] = await Promise.race([once(child.stdout, 'data'), once(child, 'exit').then(() => [])]);
    if (port === undefined) throw new Error(`The bare server (${mode}) did not start.`);
    return new Bare(child, Number(port));
  }

  constructor(child, port) {
    this.child = child;
    this.port = port;
  }

  get url() {
    return `http://127.0.0.1:${this.port}`;
  }

  memory() {
    return memoryOf(this.child.pid);
  }

  resetPeak() {
    resetPeakOf(this.child.pid);
  }

  async stop() {
    if (this.child.exitCode !== null) return;
    this.child.kill();
    await once(this.child, 'exit');
  }
}
