import { openPostgresStore } from '@callfs/metadata';
import { PostgresServer } from './postgres';
import type { SharedPostgres } from './shared-database';

interface Project {
  provide(key: 'sharedPostgres', value: SharedPostgres): void;
}

/** One PostgreSQL for a whole run of the project `postgres`. What is lost when the power fails is not its concern. */
export default async function sharedPostgres(project: Project): Promise<() => Promise<void>> {
  const server = await PostgresServer.start({ fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' });
  const template = await server.createDatabase();
  await (await openPostgresStore({ dsn: server.dsn(template) })).close();
  project.provide('sharedPostgres', { dsn: server.dsn(), template });
  return () => server.stop();
}
