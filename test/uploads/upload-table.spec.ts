import { expect, it } from 'vitest';
import { openPostgresStore } from '@callfs/metadata';
import { UploadTable } from '../../apps/callfs/src/use-cases/uploads/upload-table';
import { PostgresServer } from '../support/postgres';

it('P13: what is below a path does not depend on how the database sorts', async () => {
  const server = await PostgresServer.start({ fsync: 'off' });
  try {
    // As most databases have it: letters first, their case and accents only between equals.
    await server.query(`CREATE DATABASE sorted TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US'`);
    const store = await openPostgresStore({ dsn: server.dsn('sorted'), operationTimeoutMs: 30_000 });
    const table = new UploadTable(store.tables, 3_600_000);
    const paths = ['/a', '/a/x', '/A/x', '/á/x', '/ab', '/a0', '/a_/x', '/a😀/x', '/a😀/y/z'];
    for (const path of paths)
      await table.insert({
        ...{ id: path, uid: 0, user: 'root', kind: 'plain', state: 'open', path, metadata: '', sources: [] },
        ...{ terms: { overwrite: false, contentType: null }, size: 1, received: 0, attempt: 1 },
      });
    const below = async (prefix: string) => (await table.list({ prefix })).map(({ path }) => path).sort();
    expect(await below('/a')).toEqual(['/a', '/a/x']);
    expect(await below('/a😀')).toEqual(['/a😀/x', '/a😀/y/z']);
    expect(await below('')).toHaveLength(paths.length);
    await store.close();
  } finally {
    await server.stop();
  }
});
