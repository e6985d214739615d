import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { ChildServer } from './child-server.mjs';

const SERVER = fileURLToPath(new URL('bare-server.mjs', import.meta.url));

/** One of the servers of bare-server.mjs, in a process of its own. */
export class Bare extends ChildServer {
  static async start(mode, ...settings) {
    const child = spawn(process.execPath, [SERVER, mode, ...settings.map(String)], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [port] = await Promise.race([once(child.stdout, 'data'), once(child, 'exit').then(() => [])]);
    if (port === undefined) throw new Error(`The bare server (${mode}) did not start.`);
    const server = new Bare(child);
    server.port = Number(port);
    return server;
  }
}
