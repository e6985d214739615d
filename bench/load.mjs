import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const beside = (name) => fileURLToPath(new URL(name, import.meta.url));

/** Requests a second over keep-alive connections. */
export async function wrk(program, load) {
  const { requests, seconds } = await wrkResult(program, load);
  return requests / seconds;
}

/** What `wrk` saw: `requests`, `seconds`, `p50Us`, `p99Us`. See requests.lua for `names`. */
export async function wrkResult(program, { url, connections, seconds, method, prefix, names, size = 0, headers = [] }) {
  const args = ['-t1', `-c${connections}`, `-d${seconds}s`, '--latency', '--timeout', '30s', '-s', beside('requests.lua'), url];
  const { stdout } = await run(program, [...args, '--', method, prefix, String(names), String(size), ...headers]);
  const result = JSON.parse(/^RESULT (.*)$/m.exec(stdout)[1]);
  if (result.failed > 0) throw new Error(`${result.failed} of ${result.requests} requests failed: ${method} ${url}${prefix}…`);
  return result;
}

/** HEAD requests a second over keep-alive connections. */
export async function heads(program, { port, connections, seconds, prefix, names, headers = [] }) {
  const { stdout } = await run(program, [port, connections, seconds, prefix, names, ...headers].map(String));
  const { requests, seconds: took } = JSON.parse(stdout);
  return requests / took;
}

/** Waits until the disk has nothing left to do, so that one measurement does not pay for the one before. */
export async function settleDisk() {
  await run('sync', []);
}

/** Bytes a second of bodies over one connection, one after the other. */
export async function download(program, { port, path, seconds, headers = [] }) {
  return bytesPerSecond(await run(program, [String(port), 'GET', path, String(seconds), ...headers]));
}

export async function upload(program, { port, path, seconds, size, headers = [] }) {
  return bytesPerSecond(await run(program, [String(port), 'PUT', path, String(seconds), String(size), ...headers]));
}

/** Whole answers a second, each on a connection of its own. */
export async function fetches(program, { port, path, seconds, headers = [] }) {
  const { stdout } = await run(program, [String(port), 'GET', path, String(seconds), 'Connection: close', ...headers]);
  const { transfers, seconds: took } = JSON.parse(stdout);
  return transfers / took;
}

/** Files a second that threads create, write and sync. */
export async function durableFiles(program, { directory, threads, size, seconds }) {
  const { stdout } = await run(program, [directory, String(threads), String(size), String(seconds)]);
  const { files, seconds: took } = JSON.parse(stdout);
  return files / took;
}

/** What a loop in a Node process of its own comes to, a second. */
export async function nodeLoop(script, args) {
  const { stdout } = await run(process.execPath, [beside(script), ...args.map(String)]);
  return JSON.parse(stdout).perSecond;
}

function bytesPerSecond({ stdout }) {
  const { bytes, seconds } = JSON.parse(stdout);
  return bytes / seconds;
}
