import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Callfs } from './callfs.mjs';

/** Runs a program of the bench; what it rejects with is told, and ends it with 1. */
export function run(main) {
  main().catch((error) => {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  });
}

/**
 * Has `work` use a directory of its own and a node in it, one at a time: `start` takes the settings and the preload of
 * `Callfs.start`. Whatever comes of it, the node is stopped and the directory removed.
 */
export async function inScratch(name, work) {
  const directory = mkdtempSync(join(tmpdir(), `callfs-${name}-`));
  let server;
  try {
    const start = async (...options) => (server = await Callfs.start(join(directory, 'callfs'), ...options));
    return await work({ directory, start });
  } finally {
    await server?.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}
