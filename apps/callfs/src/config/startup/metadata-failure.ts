import type { MetadataStoreConfig } from '../config';
import { maskPasswords, parseDsn } from '../dsn';
import { unreachable, type NativeCause } from './native-cause';
import { StartupError, type StartupKind } from './startup-error';

/** A metadata store that could not be opened. Undefined when none of the causes is known. */
export function explainMetadata(
  store: MetadataStoreConfig,
  causes: readonly NativeCause[],
  cause: unknown,
): StartupError | undefined {
  return store.type === 'postgres' ? explainPostgres(store.dsn, causes, cause) : explainSqlite(store.sqlitePath, causes, cause);
}

function explainPostgres(dsn: string, causes: readonly NativeCause[], cause: unknown): StartupError | undefined {
  const { user = '', host = '', port = '', database = '' } = parseDsn(dsn) ?? {};
  const where = `PostgreSQL at ${host}:${port}`;
  const fail = (reason: string, next: string, kind: StartupKind = 'metadata') =>
    new StartupError({ kind, key: 'metadata_store.dsn', reason: maskPasswords(reason), next: maskPasswords(next), cause });
  const test = `Test it with: psql "${maskPasswords(dsn)}" -c "SELECT 1;"`;
  for (const { code, message } of causes) {
    switch (code) {
      case '28P01':
        return fail(`${where} refuses the password of user "${user}"`, `Correct the password. ${test}`);
      case '28000':
        return fail(`${where} does not let user "${user}" in from here`, 'Check the user, and the rules in pg_hba.conf.');
      case '3D000':
        return fail(`${where} has no database "${database}"`, `Make it: createdb -h ${host} -p ${port} -U ${user} ${database}`);
      case '42501':
        return fail(
          `user "${user}" may not make tables in database "${database}"`,
          `Grant it: GRANT ALL ON DATABASE ${database} TO ${user}; GRANT ALL ON SCHEMA public TO ${user};`,
        );
      case '25006':
        return fail(`${where} is read-only`, 'Name the primary and not a standby, or let it finish its recovery.');
      case '53300':
        return fail(
          `${where} has no connection left`,
          'Raise its max_connections, or lower metadata_store.pool_size.',
          'dependency',
        );
      case '57P03':
        return fail(`${where} is starting up or shutting down`, 'Wait for it: --wait-for-dependencies 30s.', 'dependency');
    }
    if (/does not support SSL/i.test(message))
      return fail(`${where} does not speak TLS`, 'Switch TLS on in the server, or set ?sslmode=prefer or disable in the dsn.');
    if (TLS_CODES.has(code))
      return fail(
        `the TLS certificate of ${where} is not trusted (${code})`,
        'Name its authority with &sslrootcert=FILE in the dsn, or set another sslmode.',
      );
  }
  const why = unreachable(causes);
  return why === undefined
    ? undefined
    : fail(`cannot connect to ${where}: ${why}`, `Check that it runs and that the address is right. ${test}`, 'dependency');
}

const TLS_CODES = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'ERR_TLS_CERT_ALTNAME_INVALID',
  'CERT_HAS_EXPIRED',
]);

function explainSqlite(path: string, causes: readonly NativeCause[], cause: unknown): StartupError | undefined {
  const key = 'metadata_store.sqlite_path';
  const fail = (reason: string, next: string) => new StartupError({ kind: 'metadata', key, reason, next, cause });
  const elsewhere = `Give the user that runs CallFS write permission there, or set ${key} to another file.`;
  for (const { code } of causes) {
    if (/^SQLITE_(BUSY|LOCKED)/.test(code))
      return fail(`the file ${path} is locked by another process`, `Stop that process, or set ${key} to a file of its own.`);
    if (/^SQLITE_(NOTADB|CORRUPT)/.test(code))
      return fail(
        `the file ${path} is no SQLite database, or a damaged one`,
        'Restore it from a backup, or move it away to begin anew.',
      );
    if (/^SQLITE_(CANTOPEN|READONLY|PERM|AUTH)/.test(code))
      return fail(`the file ${path} cannot be opened for writing`, elsewhere);
    if (code === 'SQLITE_FULL' || code === 'ENOSPC' || code === 'EDQUOT')
      return fail(`the disk of ${path} is full`, `Free some space, or set ${key} to a file on another disk.`);
    if (/^SQLITE_IOERR/.test(code)) return fail(`the file ${path} cannot be read or written (${code})`, 'Check the disk.');
    if (code === 'EISDIR') return fail(`${path} is a directory`, `Set ${key} to a file.`);
    if (code === 'EROFS')
      return fail(`${path} is on a file system that is read-only`, `Set ${key} to a file on another, or mount it to be written.`);
    if (['EACCES', 'EPERM', 'ENOENT', 'ENOTDIR', 'EEXIST'].includes(code))
      return fail(`the directory of ${path} cannot be used (${code})`, elsewhere);
  }
  return undefined;
}
