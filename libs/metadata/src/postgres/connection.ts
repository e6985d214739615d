import * as fs from 'node:fs';
import type { ConnectionOptions } from 'node:tls';
import { Client, types, type ClientConfig, type CustomTypesConfig } from 'pg';

/** What `pg` takes of a dsn, TLS apart. */
export interface Connection {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string | undefined;
  readonly database: string;
  readonly ssl: ConnectionOptions | false;
}

type Parameters = URLSearchParams;

const INT8: number = types.builtins.INT8;

/** 64-bit numbers that are safe integers everywhere here; nanoseconds are selected as text. */
const parserOf = types.getTypeParser as (oid: number, format?: 'text' | 'binary') => (value: string) => unknown;
export const TYPES: CustomTypesConfig = {
  getTypeParser: (oid, format) => ((oid as number) === INT8 ? Number : parserOf(oid, format)),
};

/**
 * What a dsn says, with the meaning that libpq gives `sslmode`: `allow` and `prefer` try both ways, so there are two to
 * try in turn; `require` does not verify unless `sslrootcert` names an authority; `verify-ca` asks for the authority,
 * `verify-full` for the name as well.
 */
export function connectionsOf(dsn: string): Connection[] {
  // A URL of the web needs a host; one of libpq may leave it to `?host=`.
  const url = new URL(
    dsn.replace(/^postgres(?:ql)?:\/\/((?:[^@/?#]*@)?)(?=[/?]|$)/, 'http://$1localhost').replace(/^postgres(?:ql)?:/, 'http:'),
  );
  const { searchParams } = url;
  const user = decodeURIComponent(url.username) || 'postgres';
  const password = searchParams.get('password') ?? (url.password === '' ? undefined : decodeURIComponent(url.password));
  const base = {
    host: searchParams.get('host') ?? (decodeURIComponent(url.hostname.replace(/^\[|\]$/g, '')) || 'localhost'),
    port: Number(searchParams.get('port') ?? (url.port || 5432)),
    user,
    password,
    database: decodeURIComponent(url.pathname.slice(1)) || user,
  };
  return waysOf(searchParams, base.host).map((ssl) => ({ ...base, ssl }));
}

function waysOf(parameters: Parameters, host: string): (ConnectionOptions | false)[] {
  const mode = parameters.get('sslmode') ?? 'prefer';
  // A socket in the file system never speaks TLS.
  if (host.startsWith('/') || mode === 'disable') return [false];
  const encrypted = tlsOf(parameters, mode);
  if (mode === 'allow') return [false, encrypted];
  if (mode === 'prefer') return [encrypted, false];
  return [encrypted];
}

function tlsOf(parameters: Parameters, mode: string): ConnectionOptions {
  const file = (name: string) => {
    const path = parameters.get(name);
    return path === null || path === 'system' ? undefined : fs.readFileSync(path);
  };
  const ca = file('sslrootcert');
  const verifies = mode.startsWith('verify-') || (mode === 'require' && ca !== undefined);
  return {
    ca,
    cert: file('sslcert'),
    key: file('sslkey'),
    rejectUnauthorized: verifies,
    // The name is asked for by `verify-full` alone.
    ...(mode === 'verify-full' ? {} : { checkServerIdentity: () => undefined }),
  };
}

/**
 * A connection that nobody waits for may break: between two statements of a transaction, or while it is handed over.
 * Its next statement fails; without a listener, the process would end.
 */
export class SteadyClient extends Client {
  constructor(config?: string | ClientConfig) {
    super(config);
    this.on('error', () => undefined);
  }
}

/** The first of `ways` that a server answers. Rejects with the failure of the last. */
export async function firstThatWorks(ways: readonly Connection[], timeoutMs: number): Promise<Connection> {
  let failure: unknown;
  for (const way of ways) {
    const client = new SteadyClient({ ...way, connectionTimeoutMillis: timeoutMs });
    try {
      await client.connect();
      return way;
    } catch (error) {
      failure = error;
    } finally {
      await client.end().catch(() => undefined);
    }
  }
  throw failure;
}
