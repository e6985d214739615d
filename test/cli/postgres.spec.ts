import { stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MIGRATION_LOCK } from '../../libs/metadata/src/postgres/tree-functions';
import { must } from '../support/fixture';
import { PostgresServer } from '../support/postgres';
import { patternBytes } from '../support/random';
import { prepareServer, startServer } from '../support/server';
import { runCli, useDirectory, variables, type CliResult } from './run-cli';

const directory = useDirectory();
let postgres: PostgresServer;

beforeAll(async () => {
  postgres = await PostgresServer.start({ fsync: 'off' });
});
afterAll(() => postgres.stop());

const run = (line: string, dsn: string, timeout = '20s'): Promise<CliResult> => {
  const env = {
    ...variables(join(directory.path, 'data')),
    CALLFS_METADATA_STORE_DSN: dsn,
    CALLFS_SERVER_METADATA_OP_TIMEOUT: timeout,
  };
  return runCli(line.split(' '), { cwd: directory.path, env });
};

describe('a start on a PostgreSQL that cannot be used says in one line which key, why and what next, and ends with 1', () => {
  const database = () => postgres.createDatabase();
  const cases: [string, () => Promise<string>, RegExp][] = [
    ['that is not there', async () => postgres.dsn('x', '', 1), /cannot connect to PostgreSQL at 127\.0\.0\.1:1: nothing listens there \(ECONNREFUSED\)\. Check that it runs .+/],
    ['with a wrong password', async () => postgres.dsn(await database()).replace(postgres.password, 'wrong'), /PostgreSQL at .* refuses the password of user "callfs"\. Correct the password\. .+/],
    ['without the database', async () => postgres.dsn('missing'), /PostgreSQL at .* has no database "missing"\. Make it: createdb .+/],
    ['without TLS where it is required', async () => postgres.dsn(await database(), 'sslmode=require'), /PostgreSQL at .* does not speak TLS\. .+/],
    [
      'that is read-only',
      async () => {
        const name = await database();
        await postgres.query(`ALTER DATABASE ${name} SET default_transaction_read_only = on`);
        return postgres.dsn(name);
      },
      /this PostgreSQL is read-only\. Name the primary and not a standby\./,
    ],
    [
      'with the schema of a later version',
      async () => {
        const name = await database();
        await postgres.query('CREATE TABLE migrations (id SERIAL PRIMARY KEY, timestamp BIGINT, name TEXT)', name);
        await postgres.query("INSERT INTO migrations (timestamp, name) VALUES (9999999999999, 'FromTheFuture9')", name);
        return postgres.dsn(name);
      },
      /the metadata was written by a newer CallFS \(it has "FromTheFuture9"\)\. Start that version, or restore a backup\./,
    ],
  ]; // prettier-ignore
  it.each(cases)('one %s', async (_, make, line) => {
    const { code, stdout, stderr } = await run('server', await make());
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(new RegExp(`^callfs: metadata_store\\.dsn: ${line.source}\n$`));
    expect(stderr).not.toContain(postgres.password);
  });

  it('one whose schema another node brings up to date without end, which its log tells meanwhile', async () => {
    const dsn = postgres.dsn(await database());
    const client = new Client(dsn);
    await client.connect();
    await client.query(`SELECT pg_advisory_lock(${MIGRATION_LOCK})`);
    const { code, stdout, stderr } = await run('server', dsn, '250ms');
    await client.end();
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ level: 'warn', msg: expect.stringContaining('this one waits for it') as string });
    expect(stderr).toMatch(
      /^callfs: metadata_store\.dsn: another node has not .* within 3 s\. .* SELECT pg_terminate_backend\(\d+\);\n$/,
    );
  });

  it('config validate --check-connections says which one it reaches', async () => {
    const { stdout } = await run('config validate --check-connections', postgres.dsn(await database()));
    expect(stdout).toMatch(/^metadata +ok +PostgreSQL \d+ at 127\.0\.0\.1:\d+, database "test_\w+"$/m);
  });
});

describe('callfs dump and load', () => {
  it('move a node from SQLite to PostgreSQL, blobs, users and all', async () => {
    const node = await startServer();
    let running = node;
    try {
      const root = node.client();
      await must(root.put('/a/small', 'small'));
      await must(root.put('/a/large', patternBytes(3, 200_000)));
      await must(root.patch('/a/small', { mode: '0640' }));
      const cli = (line: string, file = node.configFile) => runCli([...line.split(' '), '--config', file], { cwd: node.dir });
      expect((await cli('dump metadata.ndjson')).stderr).toMatch(/in use by process \d+/);
      const before = [(await root.list('/a')).json.items, (await root.head('/a/small')).header('etag')];
      await node.stop();
      expect(await cli('dump metadata.ndjson')).toMatchObject({
        code: 0,
        stdout: '',
        stderr: expect.stringMatching(/^\d+ rows of metadata dumped/) as string,
      });
      expect((await stat(join(node.dir, 'metadata.ndjson'))).mode & 0o777).toBe(0o600);

      const dsn = postgres.dsn(await postgres.createDatabase());
      const moved = await prepareServer({ dir: node.dir, dsn });
      expect(await cli('load metadata.ndjson')).toMatchObject({
        code: 0,
        stderr: expect.stringMatching(/^\d+ rows of metadata loaded\n$/) as string,
      });
      const again = await cli('load metadata.ndjson');
      expect([again.code, again.stderr]).toEqual([1, expect.stringContaining('not empty')]);
      const dumped = await cli('dump -');
      expect(dumped.stdout.trimEnd().split('\n').length).toBeGreaterThan(20);
      await moved.start();
      running = moved;
      const client = moved.client();
      expect((await client.get('/a/large')).body).toEqual(patternBytes(3, 200_000));
      expect((await client.get('/a/small')).text).toBe('small');
      expect([(await client.list('/a')).json.items, (await client.head('/a/small')).header('etag')]).toEqual(before);
      await moved.stop();
    } finally {
      await running.remove();
      await node.remove();
    }
  });

  it('leave a database as it is that no CallFS, or only an earlier one, has been started on', async () => {
    const name = await postgres.createDatabase();
    const { code, stdout, stderr } = await run('dump -', postgres.dsn(name));
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toContain('metadata_store.dsn: the metadata is empty: no CallFS has been started on it.');
    expect(await postgres.query(`SELECT to_regclass('inode') AS made`, name)).toEqual([{ made: null }]);
  });

  it('end with 4 when the database cannot be reached, and with 1 when the file is no dump', async () => {
    expect(await run('dump -', postgres.dsn('x', '', 1))).toMatchObject({ code: 4, stdout: '' });
    await writeFile(join(directory.path, 'other.json'), '{"name":"package"}\n');
    const { code, stderr } = await run('load other.json', postgres.dsn(await postgres.createDatabase()));
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(/does not begin as a dump of metadata does\. Nothing has changed\.\n$/),
    ]);
    const missing = await run('load missing.ndjson', postgres.dsn(await postgres.createDatabase()));
    expect([missing.code, missing.stderr]).toEqual([1, expect.stringContaining('ENOENT')]);
  });
});
