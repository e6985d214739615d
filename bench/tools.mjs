import { execFileSync } from 'node:child_process';
import { accessSync, constants, existsSync, readdirSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** What the works need, and the Debian package that has it. */
const TOOLS = { wrk: 'wrk', nginx: 'nginx-light', gcc: 'gcc', pgbench: 'postgresql', 'redis-server': 'redis-server' };
/** Debian keeps the programs of each PostgreSQL in a folder of their own. */
const POSTGRES = '/usr/lib/postgresql';
const HEADERS = { gcc: ['libc6-dev'] };

/** The folder with the programs of PostgreSQL. */
export const binariesOf = (tools) => dirname(tools.pgbench);

/** Paths of the tools; installs what is missing when that is wanted, else says how. */
export function findTools(install) {
  const missing = Object.keys(TOOLS).filter((tool) => !find(tool));
  const packages = missing.flatMap((tool) => [TOOLS[tool], ...(HEADERS[tool] ?? [])]);
  const command = ['install', '--yes', '--no-install-recommends', ...packages];
  if (missing.length > 0 && install) {
    execFileSync('apt-get', ['update'], { stdio: ['ignore', 2, 2] });
    execFileSync('apt-get', command, { stdio: ['ignore', 2, 2], env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } });
  }
  const still = missing.filter((tool) => !find(tool));
  if (still.length > 0)
    throw new Error(`Missing: ${still.join(', ')}. Run: apt-get ${command.join(' ')} (or give --install, as root).`);
  return Object.fromEntries(Object.keys(TOOLS).map((tool) => [tool, find(tool)]));
}

/** Compiles one of the small programs beside this file; returns its path. */
export function compile(gcc, name, directory) {
  const program = join(directory, name);
  execFileSync(gcc, ['-O2', '-pthread', '-o', program, fileURLToPath(new URL(`${name}.c`, import.meta.url))]);
  return program;
}

function find(tool) {
  const versions = existsSync(POSTGRES) ? readdirSync(POSTGRES).sort((a, b) => Number(b) - Number(a)) : [];
  const newest = versions.map((version) => join(POSTGRES, version, 'bin'));
  const directories = [...newest, ...(process.env.PATH ?? '').split(delimiter), '/usr/sbin'];
  return directories.map((directory) => join(directory, tool)).find(isExecutable);
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
