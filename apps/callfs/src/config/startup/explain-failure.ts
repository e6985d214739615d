import { dirname } from 'node:path';
import { CallfsError } from '@callfs/core';
import type { CallfsConfig } from '../config';
import { maskPasswords } from '../dsn';
import { explainAddress } from './address-failure';
import { explainLocks } from './locks-failure';
import { explainMetadata } from './metadata-failure';
import { causesOf, type NativeCause } from './native-cause';
import { StartupError, type StartupKind } from './startup-error';
import { explainStorage } from './storage-failure';

/** What a start that failed means to the operator; undefined for what is no known condition, which is a bug of ours. */
export function explainFailure(error: unknown, config: CallfsConfig): StartupError | undefined {
  if (error instanceof StartupError) return error;
  const causes = causesOf(error);
  if (causes.some(({ message }) => message.includes('NODE_MODULE_VERSION'))) return builtForAnother(error);
  const listening = causes.find(({ syscall, code }) => syscall === 'listen' || syscall === 'bind' || code === 'EADDRINUSE');
  if (listening) return explainListening(listening, config, error);
  if (CallfsError.is(error)) return explainEngine(error, causes, config);
  const resolving = causes.find(({ syscall }) => syscall === 'getaddrinfo');
  return resolving ? explainListening(resolving, config, error) : explainFile(error, causes, config);
}

/** Node.js was changed after `npm ci`, which builds the SQLite driver for the one that runs it. */
function builtForAnother(cause: unknown): StartupError {
  return new StartupError({
    kind: 'config',
    key: '',
    reason: `The SQLite driver was built for another version of Node.js than this ${process.versions.node}`,
    next: 'Run "npm ci" with this one, or start CallFS with the one that ran it.',
    cause,
  });
}

/** A system call or SQLite itself that failed on one of the files that the configuration names. */
function explainFile(error: unknown, causes: readonly NativeCause[], config: CallfsConfig): StartupError | undefined {
  const { metadataStore, backend } = config;
  const isBelow = (directory: string) => causes.some(({ path }) => path !== undefined && isWithin(path, directory));
  const isSqlite = causes.some(({ code }) => code.startsWith('SQLITE_'));
  if (!isSqlite && isBelow(backend.localfsRootPath)) return explainStorage(backend, causes, error);
  const isMetadata = metadataStore.type === 'sqlite' && (isSqlite || isBelow(dirname(metadataStore.sqlitePath)));
  return isMetadata ? explainMetadata(metadataStore, causes, error) : undefined;
}

/** Also when `directory` is missing and the call failed on one above it, as a recursive mkdir does. */
function isWithin(path: string, directory: string): boolean {
  return `${path}/`.startsWith(`${directory}/`) || `${directory}/`.startsWith(`${path}/`);
}

function explainListening(
  { code, port }: NativeCause,
  { server, metrics }: CallfsConfig,
  error: unknown,
): StartupError | undefined {
  const isMetrics = metrics.listenAddr !== undefined && port === metrics.listenAddr.port && port !== server.listenAddr.port;
  return isMetrics
    ? explainAddress(code, 'metrics.listen_addr', metrics.listenAddr, error)
    : explainAddress(code, 'server.listen_addr', server.listenAddr, error);
}

/** A message that names a key was written for the operator, by the lib that knows best. Any other is the user's, at run time. */
function explainEngine(error: CallfsError, causes: readonly NativeCause[], config: CallfsConfig): StartupError {
  const kind = kindOf(error);
  if (NAMES_A_KEY.test(error.message)) return asWritten(kind, error);
  const explained = {
    metadata: () => explainMetadata(config.metadataStore, causes, error),
    locks: () => config.dlm.redis && explainLocks(config.dlm.redis, causes, error),
    storage: () => explainStorage(config.backend, causes, error),
    config: () => undefined,
  }[kind]();
  return explained ?? asWritten(kind, error);
}

type EngineKind = Extract<StartupKind, 'metadata' | 'locks' | 'storage' | 'config'>;

const NAMES_A_KEY = /\b(?:server|auth|backend|storage|metadata_store|dlm|instance_discovery)\.[a-z0-9_.]+/;

function kindOf({ code }: CallfsError): EngineKind {
  if (code === 'METADATA_UNAVAILABLE') return 'metadata';
  if (code === 'LOCKS_UNAVAILABLE') return 'locks';
  return code === 'BACKEND_UNAVAILABLE' || code === 'INSUFFICIENT_STORAGE' ? 'storage' : 'config';
}

function asWritten(kind: StartupKind, error: CallfsError): StartupError {
  const native = error.cause instanceof Error && !NAMES_A_KEY.test(error.message) ? ` (${error.cause.message})` : '';
  return new StartupError({ kind, key: '', reason: maskPasswords(error.message + native), next: '', cause: error });
}
