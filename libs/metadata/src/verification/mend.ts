import { ROOT_INODE, type InodeId } from '@callfs/core';
import type { TableStatement, TableValue } from '../metadata-tables';
import { TOTALS } from './checks';
import type { FaultKind, MetadataFault, RepairOutcome } from './metadata-fault';

/**
 * Mending as a conversation: statements go out, their rows come in, the outcome comes last. So the same steps run in a
 * transaction of either engine, whose one is synchronous and whose other is not. Each begins by looking whether the
 * fault is still there; what can only be put right by giving something up is left as it is.
 */
export type Mending<R = RepairOutcome> = Generator<TableStatement, R, unknown[]>;

type Row = Record<string, unknown>;

/** Deeper than any path can be: a walk that is longer goes round in circles. */
const DEPTH = 5000;
/** The blob of a content that is lost is kept for another day: it may be the last that is left of somebody's file. */
const LAST_CHANCE_MS = 24 * 3600_000;

const STEPS: Partial<Record<FaultKind, (fault: MetadataFault, nowNs: string) => Mending>> = {
  dangling_name: dropName,
  misplaced_name: moveName,
  named_twice: separate,
  unnamed_inode: nameAgain,
  unreachable_directory: breakCycle,
  wrong_link_count: countLinks,
  wrong_reference_count: countReferences,
  wrong_size: takeSize,
  stray_replica: giveUpReplica,
  collected_in_use: keepBlob,
  stray_removal: forgetRemoval,
  wrong_total: countTotal,
};

export function mend(fault: MetadataFault, now: Date): Mending {
  const step = STEPS[fault.kind] ?? leave;
  return step(fault, `${now.getTime()}000000`);
}

function* leave(): Mending {
  return 'kept';
}

function* dropName({ parent = 0, name = '' }: MetadataFault, nowNs: string): Mending {
  const found = yield* one(
    `DELETE FROM dentry WHERE parent_id = ? AND name = ? AND NOT EXISTS (SELECT 1 FROM inode i WHERE i.id = dentry.inode_id)
     RETURNING name`,
    parent,
    name,
  );
  if (!found) return 'gone';
  yield* touch(parent, nowNs);
  return 'repaired';
}

function* moveName({ parent = 0, name = '' }: MetadataFault, nowNs: string): Mending {
  const found = yield* one(
    `DELETE FROM dentry WHERE parent_id = ? AND name = ? AND (inode_id = ${ROOT_INODE} OR NOT EXISTS
       (SELECT 1 FROM inode p WHERE p.id = dentry.parent_id AND p.type = 'directory')) RETURNING inode_id`,
    parent,
    name,
  );
  if (!found) return 'gone';
  yield* touch(parent, nowNs);
  const inode = Number(found['inode_id']);
  if (inode !== ROOT_INODE && (yield* namesOf(inode)).length === 0) yield* adopt(inode, nowNs);
  return 'repaired';
}

/** A file gets an inode of its own for each further name; of a directory, the name that can be reached stays. */
function* separate({ inode = 0 }: MetadataFault, nowNs: string): Mending {
  const names = yield* namesOf(inode);
  if (names.length < 2) return 'gone';
  const row = yield* one('SELECT type, content_id FROM inode WHERE id = ?', inode);
  if (row?.['type'] !== 'directory') {
    for (const { parent, name } of names.slice(1)) yield* ownInode(inode, parent, name, row?.['content_id'] ?? null);
    return 'repaired';
  }
  let kept = names[0];
  for (const each of names) {
    if ((yield* walkUp(each.parent, inode)) !== 'arrived') continue;
    kept = each;
    break;
  }
  for (const each of names) {
    if (each === kept) continue;
    yield* one('DELETE FROM dentry WHERE parent_id = ? AND name = ?', each.parent, each.name);
    yield* touch(each.parent, nowNs);
  }
  return 'repaired';
}

function* ownInode(inode: InodeId, parent: InodeId, name: string, content: unknown): Mending<void> {
  const columns = `type, mode, uid, gid, size, atime_ns, mtime_ns, ctime_ns, content_id, content_type, symlink_target`;
  const copy = yield* one(
    `INSERT INTO inode (${columns}, nlink, version) SELECT ${columns}, 1, 1 FROM inode WHERE id = ? RETURNING id`,
    inode,
  );
  yield* one('UPDATE dentry SET inode_id = ? WHERE parent_id = ? AND name = ?', Number(copy?.['id']), parent, name);
  if (content !== null) yield* one('UPDATE content SET refs = refs + 1 WHERE id = ?', Number(content));
  yield* addTotal('files', 1);
}

function* nameAgain({ inode = 0 }: MetadataFault, nowNs: string): Mending {
  const found = yield* one(
    'SELECT id FROM inode WHERE id = ? AND NOT EXISTS (SELECT 1 FROM detached t WHERE t.inode_id = inode.id)',
    inode,
  );
  if (!found || (yield* namesOf(inode)).length > 0) return 'gone';
  yield* adopt(inode, nowNs);
  return 'repaired';
}

function* breakCycle({ inode = 0 }: MetadataFault, nowNs: string): Mending {
  const end = yield* walkUp(inode);
  if (typeof end === 'string') return 'gone';
  const [name] = yield* namesOf(end);
  if (!name) return 'gone';
  yield* one('DELETE FROM dentry WHERE parent_id = ? AND name = ?', name.parent, name.name);
  yield* touch(name.parent, nowNs);
  yield* adopt(end, nowNs);
  return 'repaired';
}

function* countLinks({ inode = 0 }: MetadataFault): Mending {
  const row = yield* one('SELECT type FROM inode WHERE id = ?', inode);
  if (!row) return 'gone';
  const links = row['type'] === 'directory' ? LINKS : '1';
  const set = `UPDATE inode SET nlink = ${links}, version = version + 1 WHERE id = ? AND nlink <> ${links} RETURNING id`;
  return (yield* one(set, inode)) ? 'repaired' : 'gone';
}

/** A content that no file has any more gets a file in lost+found: it may be the last trace of one whose inode was lost. */
function* countReferences({ content = 0 }: MetadataFault, nowNs: string): Mending {
  const row = yield* one('SELECT size, refs FROM content WHERE id = ?', content);
  if (!row) return 'gone';
  const used = yield* one('SELECT count(*) AS n FROM inode WHERE content_id = ?', content);
  const count = Number(used?.['n']);
  if (count > 0 && count === Number(row['refs'])) return 'gone';
  yield* one('UPDATE content SET refs = ? WHERE id = ?', Math.max(count, 1), content);
  if (count > 0) return 'repaired';
  const made = yield* newInode('file', 0o600, nowNs, { size: Number(row['size']), content });
  yield* addTotal('files', 1);
  yield* link(yield* lostAndFound(nowNs), `content-${content}`, made, nowNs);
  return 'repaired';
}

function* takeSize({ inode = 0 }: MetadataFault): Mending {
  const size = `CASE type WHEN 'symlink' THEN octet_length(symlink_target)
    ELSE (SELECT c.size FROM content c WHERE c.id = inode.content_id) END`;
  const set = `UPDATE inode SET size = ${size}, version = version + 1 WHERE id = ? AND size <> ${size} RETURNING id`;
  return (yield* one(set, inode)) ? 'repaired' : 'gone';
}

function* giveUpReplica({ content = 0, backend = '', instance_id = '', key = '' }: MetadataFault, nowNs: string): Mending {
  const found = yield* one(
    `DELETE FROM replica WHERE content_id = ? AND backend = ? AND instance_id = ? AND key = ?
     AND NOT EXISTS (SELECT 1 FROM content c WHERE c.id = replica.content_id AND c.kind = 'blob') RETURNING key`,
    ...[content, backend, instance_id, key],
  );
  if (!found) return 'gone';
  yield* one(
    `INSERT INTO collect (backend, instance_id, key, not_before) VALUES (?, ?, ?, CAST(? AS BIGINT)) ON CONFLICT DO NOTHING`,
    ...[backend, instance_id, key, `${BigInt(nowNs) + BigInt(LAST_CHANCE_MS) * 1_000_000n}`],
  );
  return 'repaired';
}

function* keepBlob({ backend = '', instance_id = '', key = '' }: MetadataFault): Mending {
  const found = yield* one(
    `DELETE FROM collect WHERE backend = ? AND instance_id = ? AND key = ? AND EXISTS
       (SELECT 1 FROM replica r WHERE r.backend = collect.backend AND r.instance_id = collect.instance_id AND r.key = collect.key)
     RETURNING key`,
    ...[backend, instance_id, key],
  );
  return found ? 'repaired' : 'gone';
}

function* forgetRemoval({ inode = 0 }: MetadataFault): Mending {
  const exists = yield* one('SELECT 1 AS yes FROM inode WHERE id = ?', inode);
  if (exists && (yield* namesOf(inode)).length === 0) return 'gone';
  return (yield* one('DELETE FROM detached WHERE inode_id = ? RETURNING inode_id', inode)) ? 'repaired' : 'gone';
}

function* countTotal({ name = '' }: MetadataFault): Mending {
  if (!(name in TOTALS)) return 'kept';
  const sum = TOTALS[name as keyof typeof TOTALS];
  const found = yield* one(`UPDATE statistic SET value = (${sum}) WHERE name = ? AND value <> (${sum}) RETURNING value`, name);
  return found ? 'repaired' : 'gone';
}

/** A new inode is root's and has a count of links of its own. */
function* newInode(
  type: 'file' | 'directory',
  mode: number,
  nowNs: string,
  { size = 0, content = null }: { size?: number; content?: number | null } = {},
): Mending<InodeId> {
  const time = 'CAST(? AS BIGINT)';
  const made = yield* one(
    `INSERT INTO inode (type, mode, uid, gid, size, nlink, atime_ns, mtime_ns, ctime_ns, version, content_id)
     VALUES (?, ?, 0, 0, ?, ?, ${time}, ${time}, ${time}, 1, ?) RETURNING id`,
    ...[type, mode, size, type === 'directory' ? 2 : 1, nowNs, nowNs, nowNs, content],
  );
  return Number(made?.['id']);
}

/** Gives an inode without a name one in lost+found. */
function* adopt(inode: InodeId, nowNs: string): Mending<void> {
  yield* link(yield* lostAndFound(nowNs), `#${inode}`, inode, nowNs);
}

/** `/lost+found`, for root alone: what is put there may have been hidden from others by the directory it was in. */
function* lostAndFound(nowNs: string): Mending<InodeId> {
  for (let number = 1; ; number++) {
    const name = number === 1 ? 'lost+found' : `lost+found-${number}`;
    const there = yield* one(
      'SELECT i.id, i.type FROM dentry d JOIN inode i ON i.id = d.inode_id WHERE d.parent_id = ? AND d.name = ?',
      ROOT_INODE,
      name,
    );
    if (there?.['type'] === 'directory') return Number(there['id']);
    if (there) continue;
    const made = yield* newInode('directory', 0o700, nowNs);
    yield* addTotal('directories', 1);
    yield* link(ROOT_INODE, name, made, nowNs);
    return made;
  }
}

function* link(parent: InodeId, wanted: string, inode: InodeId, nowNs: string): Mending<void> {
  for (let number = 1; ; number++) {
    const name = number === 1 ? wanted : `${wanted}-${number}`;
    const insert = 'INSERT INTO dentry (parent_id, name, inode_id) VALUES (?, ?, ?) ON CONFLICT DO NOTHING RETURNING name';
    if (yield* one(insert, parent, name, inode)) break;
  }
  yield* touch(parent, nowNs);
}

const LINKS = `2 + (SELECT count(*) FROM dentry d JOIN inode c ON c.id = d.inode_id
  WHERE d.parent_id = inode.id AND c.type = 'directory')`;

/** The names of a directory have changed. */
function* touch(directory: InodeId, nowNs: string): Mending<void> {
  yield* one(
    `UPDATE inode SET nlink = ${LINKS}, version = version + 1, mtime_ns = CAST(? AS BIGINT), ctime_ns = CAST(? AS BIGINT)
     WHERE id = ? AND type = 'directory'`,
    nowNs,
    nowNs,
    directory,
  );
}

function* namesOf(inode: InodeId): Mending<{ parent: InodeId; name: string }[]> {
  const rows = yield* all('SELECT parent_id, name FROM dentry WHERE inode_id = ? ORDER BY parent_id, name', inode);
  return rows.map((row) => ({ parent: Number(row['parent_id']), name: String(row['name']) }));
}

/**
 * From a directory up: `arrived` at the root, or `ended` at one without a name or at `never`; an inode that is passed
 * twice is part of a cycle.
 */
function* walkUp(from: InodeId, never?: InodeId): Mending<'arrived' | 'ended' | InodeId> {
  const passed = new Set<InodeId>();
  for (let at = from; passed.size < DEPTH;) {
    if (at === ROOT_INODE) return 'arrived';
    if (at === never) return 'ended';
    if (passed.has(at)) return at;
    passed.add(at);
    const [name] = yield* namesOf(at);
    if (!name) return 'ended';
    at = name.parent;
  }
  return 'ended';
}

function* addTotal(name: keyof typeof TOTALS, amount: number): Mending<void> {
  yield* one('UPDATE statistic SET value = value + ? WHERE name = ?', amount, name);
}

function* all(sql: string, ...parameters: TableValue[]): Mending<Row[]> {
  return (yield { sql, parameters }) as Row[];
}

function* one(sql: string, ...parameters: TableValue[]): Mending<Row | undefined> {
  return (yield* all(sql, ...parameters))[0];
}
