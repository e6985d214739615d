import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { makeDurableDirectory, syncDirectory } from '@callfs/core';
import type { KeyName } from './keys';
import { StartupError } from './startup/startup-error';

/** Below the working directory. */
export const EMBEDDED_DIRECTORY = 'callfs-data';
const SECRETS_FILE = 'secrets.json';
const LISTEN_ADDR = '127.0.0.1:8443';

const secretsSchema = z.object({
  api_key: z.string().min(16),
  internal_proxy_secret: z.string().min(16),
  single_use_link_secret: z.string().min(16),
});

type Secrets = z.infer<typeof secretsSchema>;

export interface EmbeddedSettings {
  /** The superuser's. */
  readonly apiKey: string;
  readonly settings: Readonly<Partial<Record<KeyName, unknown>>>;
  /** Where the secrets are kept. */
  readonly secretsFile: string;
}

/**
 * What stands in for a configuration when there is none: one node, on this machine alone, with secrets of its own.
 * `keep` makes the directory and keeps the secrets for the next start; otherwise nothing is written.
 */
export function embeddedSettings(cwd: string, { keep }: { keep: boolean }): EmbeddedSettings {
  const directory = join(cwd, EMBEDDED_DIRECTORY);
  const secretsFile = join(directory, SECRETS_FILE);
  const secrets = readSecrets(secretsFile) ?? (keep ? keepSecrets(directory, secretsFile) : newSecrets());
  return {
    apiKey: secrets.api_key,
    secretsFile,
    settings: {
      'server.listen_addr': LISTEN_ADDR,
      'server.protocol': 'http',
      'auth.api_keys': [secrets.api_key],
      'auth.internal_proxy_secret': secrets.internal_proxy_secret,
      'auth.single_use_link_secret': secrets.single_use_link_secret,
      'backend.localfs_root_path': join(directory, 'storage'),
      'metadata_store.sqlite_path': join(directory, 'metadata.sqlite'),
      'log.format': 'console',
    },
  };
}

/** 256 random bits; letters, digits, `-` and `_`. */
export function newSecret(): string {
  return randomBytes(32).toString('base64url');
}

function newSecrets(): Secrets {
  return { api_key: newSecret(), internal_proxy_secret: newSecret(), single_use_link_secret: newSecret() };
}

function readSecrets(path: string): Secrets | undefined {
  try {
    return secretsSchema.parse(JSON.parse(fs.readFileSync(path, 'utf8')));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' || (error as NodeJS.ErrnoException).code === 'ENOTDIR')
      return undefined;
    const damaged = error instanceof SyntaxError || error instanceof z.ZodError;
    throw unusable(path, damaged ? 'does not hold the keys that a first start wrote' : reasonOf(error), error);
  }
}

/** Of two first starts at once, one writes the file and both use what is in it: a link is made only where no name is. */
function keepSecrets(directory: string, path: string): Secrets {
  const draft = `${path}.${randomBytes(8).toString('hex')}`;
  try {
    makeDurableDirectory(directory);
    writeDurably(draft, `${JSON.stringify(newSecrets(), null, 2)}\n`);
    try {
      fs.linkSync(draft, path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    } finally {
      fs.rmSync(draft, { force: true });
    }
    syncDirectory(directory);
  } catch (error) {
    throw unusable(directory, reasonOf(error), error);
  }
  const kept = readSecrets(path);
  if (!kept) throw unusable(path, 'vanished while it was read', undefined);
  return kept;
}

function writeDurably(path: string, text: string): void {
  const fd = fs.openSync(path, 'wx', 0o600);
  try {
    fs.writeSync(fd, text);
    fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
}

function reasonOf(error: unknown): string {
  const { code } = error as NodeJS.ErrnoException;
  if (code === undefined) throw error;
  return `cannot be used (${code})`;
}

function unusable(path: string, why: string, cause: unknown): StartupError {
  return new StartupError({
    kind: 'storage',
    key: '',
    reason: `Without a configuration CallFS keeps its data in ./${EMBEDDED_DIRECTORY}, but ${path} ${why}`,
    next: 'Start it in a directory that it may write to, or make a configuration with "callfs config init".',
    cause: cause instanceof z.ZodError || cause instanceof SyntaxError ? undefined : cause,
  });
}
