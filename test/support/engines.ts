import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/**
 * Makes sure that `tool` can be run, and returns its path: as root it is installed when it is missing. A test that needs
 * a tool fails without it, since a test that is left out is one that nobody misses.
 */
export function requireTool(tool: string, packages: readonly string[] = [tool]): string {
  const found = findTool(tool);
  if (found) return found;
  // Test files run at the same time: one installs, the others wait for it.
  const command = `apt-get install --yes --no-install-recommends -o DPkg::Lock::Timeout=600 ${packages.join(' ')}`;
  if (process.getuid?.() !== 0) throw new Error(`The tests need ${tool}. Install it: sudo ${command}`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const succeeds = (line: string): boolean => spawnSync('sh', ['-c', line], { env, stdio: 'ignore' }).status === 0;
  if (!succeeds(command) && succeeds('apt-get update')) succeeds(command);
  const installed = findTool(tool);
  if (!installed) throw new Error(`The tests need ${tool}, and installing it failed. Try: ${command}`);
  return installed;
}

function findTool(tool: string): string | undefined {
  const directories = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin'];
  return directories.map((directory) => join(directory, tool)).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
