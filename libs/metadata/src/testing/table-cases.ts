import { newStorageKey } from '@callfs/core';
import { expect, it } from 'vitest';
import type { Harness } from './metadata-store-suite';

const INSERT = 'INSERT INTO node (instance_id, boot_id, endpoint, version, started_ms, heartbeat_ms) VALUES (?, ?, ?, ?, ?, ?)';
const node = (id: string, started = 1): [string, string, string, string, number, number] => [
  id,
  'boot',
  'http://x',
  '1',
  started,
  2,
];

/** The tables beside the tree, in the SQL that the engines share. */
export function tableCases({ open, reopen }: Harness): void {
  it('keeps rows, with their types', async () => {
    const { tables } = await open();
    const started = Number.MAX_SAFE_INTEGER;
    const sql = `${INSERT} RETURNING instance_id, started_ms`;
    expect(await tables.write('node', sql, ...node("n'1", started))).toEqual([{ instance_id: "n'1", started_ms: started }]);
    expect(await tables.write('node', INSERT, ...node('n2'))).toEqual([]);
    expect(await tables.read('node', 'SELECT instance_id, started_ms FROM node WHERE started_ms > ?', 5)).toEqual([
      { instance_id: "n'1", started_ms: started },
    ]);
    expect(await tables.read('node', 'SELECT count(*) AS n FROM node')).toEqual([{ n: 2 }]);
  });

  it('has a name of its own, made once', async () => {
    const store = await open();
    const identity = await store.identity();
    expect(identity).toEqual({ id: expect.stringMatching(/^[0-9a-f]{32}$/) as string, copyOf: null });
    expect(await (await reopen(store)).identity()).toEqual(identity);
  });

  it('has a clock of its own, in milliseconds', async () => {
    const { tables } = await open();
    const before = Date.now();
    const now = await tables.nowMs();
    // The engine is on this machine.
    expect(now).toBeGreaterThanOrEqual(before - 1);
    expect(now).toBeLessThanOrEqual(Date.now() + 1);
  });

  it('has one moment for the whole of a statement, however long it takes', async () => {
    const { tables } = await open();
    // Long enough for any clock to go on meanwhile.
    const rows = 'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)';
    const [row] = await tables.read<{ first: number; last: number }>(
      'node',
      `${rows} SELECT MIN(${tables.now}) AS first, MAX(${tables.now} + 1000) AS last FROM n`,
    );
    expect(row?.last).toBe(Number(row?.first) + 1000);
  });

  it('P7: takes a text with NUL for one that nobody has, and keeps it without', async () => {
    const { tables } = await open();
    await tables.write('node', INSERT, ...node('n\0 1'));
    const find = (id: string) => tables.read('node', 'SELECT instance_id FROM node WHERE instance_id = ?', id);
    expect(await tables.read('node', 'SELECT instance_id FROM node')).toEqual([{ instance_id: 'n\ufffd 1' }]);
    expect(await find('\0')).toEqual([]);
    await tables.transaction('node', [{ sql: INSERT, parameters: node('\0') }]);
    expect(await find('\ufffd')).toHaveLength(1);
  });

  it('takes a question mark in quotes for itself', async () => {
    const { tables } = await open();
    expect(await tables.read('node', `SELECT '?' AS mark, CAST(? AS TEXT) AS value`, 'x')).toEqual([{ mark: '?', value: 'x' }]);
  });

  it('is a CONFLICT when a key is taken, and makes all of a transaction or nothing', async () => {
    const store = await open();
    const { tables } = store;
    await tables.write('node', INSERT, ...node('n1'));
    await expect(tables.write('node', INSERT, ...node('n1'))).rejects.toMatchObject({ code: 'CONFLICT' });
    const both = [
      { sql: INSERT, parameters: node('n2') },
      { sql: INSERT, parameters: node('n1') },
    ];
    await expect(tables.transaction('node', both)).rejects.toMatchObject({ code: 'CONFLICT' });
    expect(await tables.read('node', 'SELECT instance_id FROM node')).toEqual([{ instance_id: 'n1' }]);
    const change = [
      { sql: INSERT, parameters: node('n3') },
      { sql: 'UPDATE node SET heartbeat_ms = ? WHERE instance_id = ? RETURNING heartbeat_ms', parameters: [7, 'n1'] },
    ];
    expect(await tables.transaction('node', change)).toEqual([[], [{ heartbeat_ms: 7 }]]);
    const again = await reopen(store);
    expect(await again.tables.read('node', 'SELECT instance_id FROM node ORDER BY instance_id')).toHaveLength(2);
  });

  it('P9: refuses rows that would refer to a blob which was condemned, and all that goes with them', async () => {
    const store = await open();
    const { tables } = store;
    const blob = () => ({ backend: 'localfs', instanceId: 'node-1', key: newStorageKey() });
    const [kept, condemned] = [blob(), blob()];
    await store.condemn([condemned]);
    const rows = [{ sql: INSERT, parameters: node('n1') }];
    await expect(tables.transaction('node', rows, [kept, condemned])).rejects.toMatchObject({ code: 'BACKEND_UNAVAILABLE' });
    expect(await tables.read('node', 'SELECT instance_id FROM node')).toEqual([]);
    await tables.transaction('node', rows, [kept]);
    expect(await tables.read('node', 'SELECT instance_id FROM node')).toEqual([{ instance_id: 'n1' }]);
  });

  it('lets exactly one of many conditional changes through', async () => {
    const { tables } = await open();
    await tables.write('node', INSERT, ...node('n1'));
    const claim = (boot: string) =>
      tables.write('node', "UPDATE node SET boot_id = ? WHERE instance_id = 'n1' AND boot_id = 'boot' RETURNING boot_id", boot);
    const won = await Promise.all(Array.from({ length: 50 }, (_, i) => claim(`boot-${i}`)));
    expect(won.filter((rows) => rows.length === 1)).toHaveLength(1);
  });

  it('fails for a statement that makes no sense, and harms nobody else', async () => {
    const { tables } = await open();
    const [wrong, right] = await Promise.allSettled([
      tables.write('node', 'INSERT INTO no_such_table VALUES (1)'),
      tables.write('node', INSERT, ...node('n1')),
    ]);
    expect(wrong).toMatchObject({ status: 'rejected', reason: { code: 'METADATA_UNAVAILABLE' } });
    expect(right.status).toBe('fulfilled');
    expect(await tables.read('node', 'SELECT count(*) AS n FROM node')).toEqual([{ n: 1 }]);
  });
}
