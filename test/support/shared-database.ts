import { randomBytes } from 'node:crypto';
import { Client } from 'pg';

declare module 'vitest' {
  interface ProvidedContext {
    /** The PostgreSQL that servers keep their metadata in, in the project `postgres`. */
    readonly sharedPostgres: SharedPostgres | undefined;
  }
}

export interface SharedPostgres {
  readonly dsn: string;
  /** A database that has the tables already. */
  readonly template: string;
}

/** The dsn of a new database with the tables in it. */
export async function newDatabase({ dsn, template }: SharedPostgres): Promise<string> {
  const name = `test_${randomBytes(6).toString('hex')}`;
  const client = new Client({ connectionString: dsn });
  await client.connect();
  try {
    await client.query(`CREATE DATABASE ${name} TEMPLATE ${template}`);
  } finally {
    await client.end();
  }
  const url = new URL(dsn);
  url.pathname = name;
  return url.href;
}
