import { setTimeout as delay } from 'node:timers/promises';
import type { DataSource } from 'typeorm';
import type { Client, Pool } from 'pg';
import {
  CallfsError,
  type Content,
  type ContentId,
  type DirectoryEntry,
  type EpochNs,
  type Inode,
  type InodeId,
  type Replica,
} from '@callfs/core';
import type { Graces } from '../graces';
import { contentOf, inodeOf, type ContentRow, type InodeRow } from '../inode-row';
import { KEY_HOLDERS, nodesIn } from '../key-holders';
import {
  MetadataStore,
  type AttributeChanges,
  type AuthorisedPath,
  type CommitGuard,
  type CondemnOptions,
  type ContentsQuery,
  type CopyAttributes,
  type ListQuery,
  type MetadataStatistics,
  type NewAttributes,
  type NewContent,
  type NewName,
  type QueryObserver,
  type ReplicaChange,
  type Resolution,
  type SharedContent,
  type Target,
  type TreeAccess,
} from '../metadata-store';
import type { Principal, PrincipalRequest } from '../principal';
import type { ContentPath, MetadataFault, RepairOutcome, VerifyOptions } from '../verification/metadata-fault';
import { CommitLane, type TreeChange } from './commit-lane';
import { LOCK_TIMED_OUT, metadataError, stateOf, TOOK_TOO_LONG } from './postgres-errors';
import { PostgresTables, runTableStatement } from './postgres-tables';
import { ensurePrincipals } from './principal-rows';
import { COLLECTABLE, CONTENTS, listStatement, READ_INLINE } from './read-statements';
import { ReadLane } from './read-lane';
import { Sessions, type TransactionClient } from './sessions';
import { smallCreation, smallReplacement } from './small-writes';
import { requireCopy, requireRemoval } from './tree-access';
import { EXCLUSIVE, NOW_NS, SHARED } from './tree-functions';
import { pathsIn, repairIn, verifySnapshot } from './whole-tree';

/** A commit holds its locks for less, unless it waits for one itself. */
const CIRCLE_MS = 100;
/** So often a copy tries to have its references before the lock of the tree, which all others wait for. */
const UNLOCKED_ATTEMPTS = 5;
const PAUSE_MS = 200;
/** What takes longer under that lock is refused: for a moment nobody could write. */
const HELD_MS = 2_000;
const RETRY_AFTER_S = 10;
/** Of what may still be committed the row stays. The time is one for both statements, so that no row is for both or for none. */
const FORGET = {
  name: 'callfs_forget',
  text: `WITH gone AS (
      SELECT c.backend, c.instance_id, c.key, coalesce(c.refused_until > s.now, FALSE) AS stays
      FROM collect c JOIN jsonb_to_recordset($1) AS b ("backend" TEXT, "instanceId" TEXT, "key" TEXT)
        ON c.backend = b."backend" AND c.instance_id = b."instanceId" AND c.key = b."key",
        (SELECT ${NOW_NS} AS now) s
    ), kept AS (
      UPDATE collect c SET not_before = c.refused_until FROM gone g
      WHERE g.stays AND c.backend = g.backend AND c.instance_id = g.instance_id AND c.key = g.key
    ) DELETE FROM collect c USING gone g
      WHERE NOT g.stays AND c.backend = g.backend AND c.instance_id = g.instance_id AND c.key = g.key`,
};
/** A tree takes as long as it has rows; only for what is mended others wait. */
const TREE_TIMEOUT_MS = 600_000;

/**
 * The tree in PostgreSQL, shared by any number of nodes. A read is a round trip, which others may share, and sees all that
 * was acknowledged (`read-lane.ts`). A change is part of a group commit (`commit-lane.ts`). It is longer than most files because the
 * contract is.
 */
export class PostgresMetadataStore extends MetadataStore {
  override readonly name = 'postgres';
  override readonly tables: PostgresTables;
  private readonly sessions: Sessions;
  private readonly lane: CommitLane;
  private readonly reads: ReadLane;
  private readonly graceNs: string;
  private readonly lateCommitNs: string;
  private closed: Promise<void> | undefined;

  constructor(
    private readonly dataSource: DataSource,
    private readonly pool: Pool,
    connect: () => Promise<Client>,
    { collectGraceMs, lateCommitMs }: Required<Graces>,
    private readonly observe: QueryObserver = () => undefined,
  ) {
    super();
    this.sessions = new Sessions(pool);
    this.lane = new CommitLane(this.sessions);
    this.reads = new ReadLane(connect);
    this.tables = new PostgresTables(this.sessions, (operation, work) => this.timed(operation, work));
    this.graceNs = String(BigInt(collectGraceMs) * 1_000_000n);
    this.lateCommitNs = String(BigInt(lateCommitMs) * 1_000_000n);
  }

  /** Transactions of the group commit so far. */
  get commits(): number {
    return this.lane.commits;
  }

  override resolve(names: readonly string[], options?: { data?: boolean }): Promise<Resolution> {
    return this.timed('resolve', () => this.reads.resolve(names, options?.data === true));
  }

  override async readInline(content: ContentId): Promise<Buffer> {
    const [row] = await this.timed('read_inline', () => this.sessions.read<{ data: Buffer | null }>(READ_INLINE, [content]));
    if (row?.data) return row.data;
    throw new CallfsError('FILE_NOT_FOUND', 'The content has been replaced or removed; read the file again.');
  }

  override async list(query: ListQuery): Promise<DirectoryEntry[]> {
    const { statement, values } = listStatement(query);
    const rows = await this.timed('list', () => this.sessions.read<InodeRow & { name: string }>(statement, values));
    return rows.map((row) => ({ name: row.name, inode: inodeOf(row) }));
  }

  override createFile(
    at: NewName,
    attributes: NewAttributes,
    content: NewContent | SharedContent,
    contentType: string | null,
    guard?: CommitGuard,
  ): Promise<Inode> {
    const small = smallCreation(at, attributes, content, contentType);
    const inodes = [lastOf(at.directory)];
    return this.made({ op: 'createFile', at, attributes, ...ofContent(content), contentType, inodes, small }, guard);
  }

  override createDirectory(at: NewName, attributes: NewAttributes, guard?: CommitGuard): Promise<Inode> {
    return this.made({ op: 'createDirectory', at, attributes, inodes: [lastOf(at.directory)] }, guard);
  }

  override createSymlink(at: NewName, attributes: NewAttributes, target: string, guard?: CommitGuard): Promise<Inode> {
    return this.made({ op: 'createSymlink', at, attributes, target, inodes: [lastOf(at.directory)] }, guard);
  }

  override replaceContent(
    target: Target,
    content: NewContent | SharedContent,
    changes: AttributeChanges,
    guard?: CommitGuard,
  ): Promise<Inode> {
    const small = smallReplacement(target, content, changes);
    const inodes = [lastOf(target.path)];
    return this.made({ op: 'replaceContent', target, ...ofContent(content), changes, inodes, small }, guard);
  }

  override setAttributes(target: Target, changes: AttributeChanges, guard?: CommitGuard): Promise<Inode> {
    return this.made({ op: 'setAttributes', target, changes, inodes: [lastOf(target.path)] }, guard);
  }

  override async remove(target: Target, guard?: CommitGuard): Promise<void> {
    await this.change({ op: 'remove', target, inodes: lastTwoOf(target.path) }, guard);
  }

  override removeTree(target: Target, access: TreeAccess | null, guard?: CommitGuard): Promise<void> {
    return this.alone('removeTree', guard, async (client) => {
      const { id, type } = await located(client, target);
      const [place] = await client.rows<{ parent: InodeId }>('SELECT callfs_parent($1) AS parent', json(target));
      mustBeDirectory(type);
      if (access) await requireRemoval(client, id, access.caller);
      const now = await timeOf(client);
      await client.rows('SELECT callfs_unlink($1, $2, -1, $3)', place?.parent, target.path.names.at(-1), now);
      await client.rows('INSERT INTO detached (inode_id) VALUES ($1)', id);
    });
  }

  override move(
    source: Target,
    to: NewName,
    replaced: { id: InodeId; version: number } | null,
    guard?: CommitGuard,
  ): Promise<Inode> {
    const inodes = [...lastTwoOf(source.path), lastOf(to.directory), ...(replaced ? [replaced.id] : [])];
    return this.made({ op: 'move', source, to, replaced, inodes }, guard);
  }

  override copyTree(
    source: Target,
    to: NewName,
    attributes: CopyAttributes,
    access: TreeAccess | null,
    guard?: CommitGuard,
  ): Promise<Inode> {
    return this.transaction('copyTree', TREE_TIMEOUT_MS, async (client) => {
      const { id, type } = await located(client, source);
      mustBeDirectory(type);
      if (to.directory.steps.some((step) => step.id === id))
        throw new CallfsError('INVALID_REQUEST', 'A directory cannot be copied into itself.');
      await client.rows('SELECT callfs_gather($1)', id);
      if (access) await requireCopy(client, access.caller);
      const now = await timeOf(client);
      const [copy] = await client.rows<{ root: InodeId }>('SELECT callfs_copy_rows($1, $2) AS root', json(attributes), now);
      const begin = async () => {
        await client.rows(SHARED);
        await client.rows('SELECT 1 FROM inode WHERE id = $1 FOR NO KEY UPDATE', lastOf(to.directory));
      };
      const refer = async () => {
        while (await refreshed(client, attributes)) if (access) await requireCopy(client, access.caller);
      };
      await client.rows('SAVEPOINT unreferenced');
      const unlocked = async () => {
        await refer();
        if (await soon(client, begin)) return true;
        // Somebody may wait for the contents who is waited for.
        await client.rows('ROLLBACK TO unreferenced');
        return false;
      };
      // From here on it is a commit as any other.
      let isReferenced = await unlocked();
      for (let attempt = 2; !isReferenced && attempt <= UNLOCKED_ATTEMPTS; attempt++) {
        await delay(Math.random() * PAUSE_MS);
        isReferenced = await unlocked();
      }
      if (!isReferenced) {
        // In the order of all commits nobody waits for whom is waited for.
        await begin();
        await briefly(client, refer);
      }
      if (guard) await client.rows('SELECT callfs_guard($1)', json(guard));
      await client.rows('SELECT callfs_path($1)', json(source.path));
      const [place] = await client.rows<{ parent: InodeId }>('SELECT callfs_place($1, $2) AS parent', json(to), now);
      await client.rows('SELECT callfs_link($1, $2, $3, 1, $4)', place?.parent, to.name, copy?.root, now);
      await signReceipt(client, guard);
      await client.rows('SELECT callfs_write_totals()');
      const [row] = await client.rows<{ inode: InodeRow }>('SELECT callfs_inode($1) AS inode', copy?.root);
      return inodeOf(row?.inode as InodeRow);
    });
  }

  override async nextFence(): Promise<number> {
    const next = { name: 'callfs_next_fence', text: `SELECT nextval('callfs_fence') AS fence` };
    const [row] = await this.timed('nextFence', () => this.sessions.change<{ fence: number }>(next, []));
    return row?.fence ?? 0;
  }

  override raiseFence(lockNames: readonly string[]): Promise<void> {
    // Alone: a commit that was checked against the old fence has been made when this returns, or is refused.
    return this.alone('raiseFence', undefined, async (client) => {
      await client.rows(
        `WITH raised AS (SELECT nextval('callfs_fence') AS token)
         INSERT INTO fence AS f (name, token) SELECT DISTINCT n, token FROM unnest($1::text[]) AS n, raised
         ON CONFLICT (name) DO UPDATE SET token = greatest(f.token, excluded.token)`,
        lockNames,
      );
    });
  }

  override async reap(limit: number): Promise<number> {
    const reap = { name: 'callfs_reap', text: 'SELECT callfs_reap($1, $2) AS reaped' };
    const [row] = await this.timed('reap', () => this.sessions.change<{ reaped: number }>(reap, [limit, this.graceNs]));
    return row?.reaped ?? 0;
  }

  override collectable(now: EpochNs, limit: number, instanceIds: readonly string[]): Promise<Replica[]> {
    return this.timed('collectable', () => this.sessions.read<Replica>(COLLECTABLE, [instanceIds, String(now), limit]));
  }

  override condemn(blobs: readonly Replica[], { isSpent = false }: CondemnOptions = {}): Promise<Replica[]> {
    const held = KEY_HOLDERS.map(
      (table) =>
        `NOT EXISTS (SELECT 1 FROM ${nodesIn(table, 'b."backend"')} n
           JOIN ${table} h ON h.backend = b."backend" AND h.instance_id = n.name AND h.key = b."key")`,
    );
    // Alone: no commit that would refer to one of them is under way.
    return this.alone('condemn', undefined, (client) =>
      client.rows<Replica>(
        `INSERT INTO collect (backend, instance_id, key, not_before, refused_until)
         SELECT b."backend", b."instanceId", b."key", ${NOW_NS}, ${NOW_NS} + $2::bigint
         FROM jsonb_to_recordset($1) AS b ("backend" TEXT, "instanceId" TEXT, "key" TEXT) WHERE ${held.join(' AND ')}
         ON CONFLICT DO NOTHING RETURNING backend, instance_id AS "instanceId", key`,
        json(blobs),
        isSpent ? null : this.lateCommitNs,
      ),
    );
  }

  override async forget(blobs: readonly Replica[]): Promise<void> {
    await this.timed('forget', () => this.sessions.change(FORGET, [json(blobs)]));
  }

  override async changeReplicas(content: ContentId, change: ReplicaChange, guard?: CommitGuard): Promise<void> {
    await this.change({ op: 'changeReplicas', content, change, inodes: [] }, guard);
  }

  override async contents({ after, limit, fewerReplicasThan }: ContentsQuery): Promise<Content[]> {
    const rows = await this.timed('contents', () =>
      this.sessions.read<ContentRow>(CONTENTS, [after, fewerReplicasThan ?? null, limit]),
    );
    return rows.map((row) => contentOf(row, row.content_id));
  }

  override async knownKeys(backend: string, instanceId: string, keys: readonly string[]): Promise<Set<string>> {
    const known = [...KEY_HOLDERS, 'collect'].map(
      (table) => `SELECT key FROM ${table} WHERE backend = $1 AND instance_id = $2 AND key = ANY ($3::text[])`,
    );
    const statement = { name: 'callfs_known_keys', text: known.join(' UNION ALL ') };
    const rows = await this.timed('known_keys', () =>
      this.sessions.read<{ key: string }>(statement, [backend, instanceId, keys]),
    );
    return new Set(rows.map(({ key }) => key));
  }

  override heldKeys(backend: string, keys: readonly string[]): Promise<Replica[]> {
    const held = KEY_HOLDERS.map(
      (table) => `SELECT h.backend, h.instance_id AS "instanceId", h.key FROM ${nodesIn(table, '$1')} n
        JOIN ${table} h ON h.backend = $1 AND h.instance_id = n.name AND h.key = ANY ($2::text[])`,
    );
    const statement = { name: 'callfs_held_keys', text: held.join(' UNION ') };
    return this.timed('held_keys', () => this.sessions.read<Replica>(statement, [backend, keys]));
  }

  override principals(): Promise<Principal[]> {
    const statement = { name: 'callfs_principals', text: 'SELECT kind, id, name FROM principal ORDER BY kind, id' };
    return this.timed('principals', () => this.sessions.read<Principal>(statement, []));
  }

  override ensurePrincipals(wanted: readonly PrincipalRequest[]): Promise<Principal[]> {
    return this.timed('ensurePrincipals', () => this.sessions.transaction((client) => ensurePrincipals(client, wanted)));
  }

  override async statistics(): Promise<MetadataStatistics> {
    const statement = { name: 'callfs_statistics', text: 'SELECT name, value FROM statistic' };
    const rows = await this.timed('statistics', () => this.sessions.read<{ name: string; value: number }>(statement, []));
    const values = new Map(rows.map(({ name, value }) => [name, value]));
    return {
      files: values.get('files') ?? 0,
      directories: values.get('directories') ?? 0,
      inlineBytes: values.get('inline_bytes') ?? 0,
      blobBytes: values.get('blob_bytes') ?? 0,
    };
  }

  override verify(options: VerifyOptions = {}): AsyncIterable<MetadataFault> {
    return verifySnapshot(this.pool, options);
  }

  override repair(fault: MetadataFault): Promise<RepairOutcome> {
    return this.alone('repair', undefined, (client) => repairIn(client, fault), TREE_TIMEOUT_MS);
  }

  override pathsOf(contents: readonly ContentId[]): Promise<ContentPath[]> {
    return this.timed('pathsOf', () => pathsIn(this.pool, contents));
  }

  override async ping(): Promise<void> {
    await this.timed('ping', () => this.sessions.change({ name: 'callfs_ping', text: 'SELECT 1' }, []));
  }

  override close(): Promise<void> {
    return (this.closed ??= this.letGo());
  }

  private async letGo(): Promise<void> {
    await Promise.all([this.lane.idle(), this.reads.close()]);
    await this.dataSource.destroy();
  }

  private async made(change: TreeChange, guard: CommitGuard | undefined): Promise<Inode> {
    return (await this.change(change, guard)) as Inode;
  }

  private change(change: TreeChange, guard: CommitGuard | undefined): Promise<Inode | null> {
    const { receipt, ...fence } = guard ?? {};
    const op = { ...change, guard: guard ? fence : null, graceNs: this.graceNs };
    return this.timed(change.op, () => (receipt ? this.withReceipt(op, guard) : this.lane.run(op)));
  }

  /** A change that notes itself beside the tree is a transaction of its own. */
  private withReceipt(change: TreeChange, guard: CommitGuard | undefined): Promise<Inode | null> {
    return this.sessions.transaction(async (client) => {
      const inode = await new CommitLane(client).run(change);
      await signReceipt(client, guard);
      return inode;
    });
  }

  /** Several statements under the exclusive lock of the tree, in a transaction of their own. */
  private alone<T>(
    operation: string,
    guard: CommitGuard | undefined,
    work: (client: TransactionClient) => Promise<T>,
    timeoutMs?: number,
  ): Promise<T> {
    return this.transaction(operation, timeoutMs, async (client) => {
      await client.rows(EXCLUSIVE);
      if (guard) await client.rows('SELECT callfs_guard($1)', json(guard));
      const result = await work(client);
      await signReceipt(client, guard);
      return result;
    });
  }

  private transaction<T>(
    operation: string,
    timeoutMs: number | undefined,
    work: (client: TransactionClient) => Promise<T>,
  ): Promise<T> {
    return this.timed(operation, () => this.sessions.transaction(work, timeoutMs));
  }

  private async timed<T>(operation: string, work: () => Promise<T>): Promise<T> {
    if (this.closed) throw new CallfsError('METADATA_UNAVAILABLE', 'The metadata store is closed.');
    const begin = performance.now();
    try {
      return await work();
    } catch (error) {
      throw metadataError(error);
    } finally {
      this.observe(operation, (performance.now() - begin) / 1000);
    }
  }
}

/** `STALE_LOCK` when the commit is another's by now. */
async function signReceipt(client: TransactionClient, guard: CommitGuard | undefined): Promise<void> {
  if (!guard?.receipt || (await runTableStatement(client, guard.receipt)).length > 0) return;
  throw new CallfsError('STALE_LOCK', 'Another request has taken this over before the commit; nothing has changed.');
}

/** Whether no lock for `work` had to be waited for longer than it takes to see that there is no circle. */
async function soon(client: TransactionClient, work: () => Promise<unknown>): Promise<boolean> {
  try {
    await client.rows(`SET LOCAL lock_timeout = ${CIRCLE_MS}`);
    await work();
    await client.rows('SET LOCAL lock_timeout = DEFAULT');
    return true;
  } catch (error) {
    if (stateOf(error) !== LOCK_TIMED_OUT) throw error;
    return false;
  }
}

/** `METADATA_UNAVAILABLE` when a statement of it takes so long that others who wait for the tree would be refused. */
async function briefly(client: TransactionClient, work: () => Promise<unknown>): Promise<void> {
  try {
    await client.rows(`SET LOCAL statement_timeout = ${HELD_MS}`);
    await work();
    await client.rows(`SET LOCAL statement_timeout = ${TREE_TIMEOUT_MS}`);
  } catch (error) {
    if (stateOf(error) !== TOOK_TOO_LONG) throw error;
    const message =
      'So much is changed beside this copy that it would hold up all writes; nothing has changed. Try again later, or copy the directories below one by one.';
    throw new CallfsError('METADATA_UNAVAILABLE', message, { cause: error, details: { retry_after: RETRY_AFTER_S } });
  }
}

/** Takes the references of a copy; whether some of it had to be copied anew, so that there may be more to judge and to take. */
async function refreshed(client: TransactionClient, attributes: CopyAttributes): Promise<boolean> {
  const [row] = await client.rows<{ anew: number }>('SELECT callfs_hold_gathered($1) AS anew', json(attributes));
  return (row?.anew ?? 0) > 0;
}

async function located(client: TransactionClient, target: Target): Promise<{ id: InodeId; type: string }> {
  const [row] = await client.rows<{ id: InodeId; type: string }>('SELECT id, type FROM callfs_target($1)', json(target));
  if (!row) throw new CallfsError('CONFLICT', 'The path has changed since it was read.');
  return row;
}

async function timeOf(client: TransactionClient): Promise<string> {
  const [row] = await client.rows<{ now: string }>(`SELECT (${NOW_NS})::text AS now`);
  return row?.now ?? '0';
}

/** A content without its bytes, which go beside it. */
function ofContent(content: NewContent | SharedContent): { content: unknown; bytes: Buffer | null } {
  if ('copyOf' in content) return { content, bytes: null };
  const { data, ...described } = content;
  return { content: described, bytes: data };
}

function lastOf({ steps }: AuthorisedPath): InodeId {
  return steps[steps.length - 1]?.id ?? 0;
}

function lastTwoOf({ steps }: AuthorisedPath): InodeId[] {
  return steps.slice(-2).map(({ id }) => id);
}

function json(value: unknown): string {
  return JSON.stringify(value, (_key, field: unknown) => (typeof field === 'bigint' ? field.toString() : field));
}

function mustBeDirectory(type: string): void {
  if (type !== 'directory') throw new CallfsError('INVALID_REQUEST', 'Only a directory is taken with everything below it.');
}
