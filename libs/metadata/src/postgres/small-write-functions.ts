/*
 * Small writes of a batch, made together: new files and new contents of files whose bytes come along. What they were
 * judged by is compared and what they change is written by the same few statements for all of them, in place of some ten
 * statements and a subtransaction for each (`tree-functions.ts`, whose rules of who excludes whom hold here as well). All
 * are made or none: where one of them would be refused, or meets what these statements leave out (an old content that is
 * a blob or is shared), nothing has happened and the caller makes them one by one.
 */
import { FAILURES, NOW_NS, TREE_LOCK } from './tree-functions';

/** Plans are kept, and many are made while the tables are small and read faster as a whole; a few rows of many is what comes. */
const BY_INDEX = 'SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off';

/** What `InodeRow` has of a file with the content that `w` describes. */
const WRITTEN = `'inline' AS kind, w.sha256, w.backend, w."instanceId" AS instance_id, NULL AS replicas`;
const CONTENT_FIELDS = `"contentType" TEXT, at INTEGER, size BIGINT, sha256 TEXT, backend TEXT, "instanceId" TEXT`;
const TAKEN = `INSERT INTO content (id, kind, size, sha256, refs, backend, instance_id, data)
      SELECT w.content, 'inline', w.size, w.sha256, 1, w.backend, w."instanceId", substring(bytes FROM w.at + 1 FOR w.size::integer)
      FROM wanted w`;

export const SMALL_WRITE_FUNCTIONS: readonly string[] = [
  // Whether fences and directories are as the writes were judged by.
  `CREATE OR REPLACE FUNCTION callfs_small_hold(writes JSONB) RETURNS BOOLEAN LANGUAGE plpgsql
   ${BY_INDEX} AS $$
  BEGIN
    RETURN NOT EXISTS (
      SELECT 1 FROM jsonb_to_recordset(writes->'guards') AS g("lockNames" JSONB, fence BIGINT),
        jsonb_array_elements_text(g."lockNames") AS l(name) JOIN fence f ON f.name = l.name
      WHERE f.token > g.fence
    ) AND jsonb_array_length(writes->'steps') = (
      SELECT count(*) FROM jsonb_to_recordset(writes->'steps')
        AS s(parent BIGINT, name TEXT, id BIGINT, mode INTEGER, uid BIGINT, gid BIGINT)
      JOIN inode i ON i.id = s.id AND i.type = 'directory' AND i.mode = s.mode AND i.uid = s.uid AND i.gid = s.gid
      LEFT JOIN dentry d ON d.parent_id = s.parent AND d.name = s.name
      WHERE d.inode_id = s.id OR (s.id = 1 AND s.parent = 0)
    );
  END $$`,

  // Replaces contents that are inline and nobody else's; the new inodes.
  `CREATE OR REPLACE FUNCTION callfs_replace_small(writes JSONB, bytes BYTEA, now BIGINT) RETURNS JSON LANGUAGE plpgsql
   ${BY_INDEX} AS $$
  DECLARE
    contents REGCLASS := pg_get_serial_sequence('content', 'id');
    done RECORD;
  BEGIN
    WITH wanted AS MATERIALIZED (
      SELECT w.*, i.content_id AS old, nextval(contents) AS content
      FROM jsonb_to_recordset(writes) AS w(n INTEGER, parent BIGINT, name TEXT, id BIGINT, version BIGINT,
        mode INTEGER, uid BIGINT, gid BIGINT, "hasType" BOOLEAN, ${CONTENT_FIELDS})
      JOIN dentry d ON d.parent_id = w.parent AND d.name = w.name AND d.inode_id = w.id
      JOIN inode i ON i.id = w.id AND i.version = w.version AND i.mode = w.mode AND i.uid = w.uid AND i.gid = w.gid
      -- The order in which the rows of the old contents are locked.
      ORDER BY i.content_id
    ), taken AS (
      ${TAKEN}
    ), released AS (
      DELETE FROM content c USING wanted w WHERE c.id = w.old AND c.kind = 'inline' AND c.refs = 1 RETURNING c.size
    ), made AS (
      UPDATE inode i SET content_id = w.content, size = w.size, mtime_ns = now, ctime_ns = now, version = i.version + 1,
        content_type = CASE WHEN w."hasType" THEN w."contentType" ELSE i.content_type END
      FROM wanted w WHERE i.id = w.id
      RETURNING w.n, i.id, i.type, i.mode, i.uid, i.gid, i.size, i.nlink, i.atime_ns::text AS atime, i.mtime_ns::text AS mtime,
        i.ctime_ns::text AS ctime, i.version, i.content_type, i.symlink_target, i.content_id, ${WRITTEN}
    )
    SELECT count(*) AS rows, sum(made.size) AS added, json_agg(made) AS inodes,
      (SELECT count(*) FROM released) AS released, (SELECT sum(released.size) FROM released) AS removed
      INTO done FROM made;
    IF done.rows <> jsonb_array_length(writes) OR done.released <> done.rows THEN PERFORM callfs_changed(); END IF;
    PERFORM callfs_count('inline_bytes', (done.added - done.removed)::bigint);
    RETURN done.inodes;
  END $$`,

  // Makes files where none of that name is; the new inodes.
  `CREATE OR REPLACE FUNCTION callfs_create_small(writes JSONB, bytes BYTEA, now BIGINT) RETURNS JSON LANGUAGE plpgsql
   ${BY_INDEX} AS $$
  DECLARE
    contents REGCLASS := pg_get_serial_sequence('content', 'id');
    inodes REGCLASS := pg_get_serial_sequence('inode', 'id');
    done RECORD;
  BEGIN
    WITH wanted AS MATERIALIZED (
      SELECT w.*, nextval(inodes) AS id, nextval(contents) AS content, coalesce(w."atimeNs", now) AS atime, coalesce(w."mtimeNs", now) AS mtime
      FROM jsonb_to_recordset(writes) AS w(n INTEGER, parent BIGINT, name TEXT,
        mode INTEGER, uid BIGINT, gid BIGINT, "atimeNs" BIGINT, "mtimeNs" BIGINT, ${CONTENT_FIELDS})
    ), taken AS (
      ${TAKEN}
    ), made AS (
      INSERT INTO inode (id, type, mode, uid, gid, size, nlink, atime_ns, mtime_ns, ctime_ns, version, content_id, content_type)
        SELECT id, 'file', mode, uid, gid, size, 1, atime, mtime, now, 1, content, "contentType" FROM wanted
    ), named AS (
      INSERT INTO dentry (parent_id, name, inode_id) SELECT parent, name, id FROM wanted
    ), touched AS (
      UPDATE inode i SET mtime_ns = now, ctime_ns = now, version = i.version + p.names
      FROM (SELECT parent, count(*) AS names FROM wanted GROUP BY parent) p WHERE i.id = p.parent
    )
    SELECT count(*) AS rows, sum(size) AS added, json_agg(r) AS inodes INTO done FROM (
      SELECT w.n, w.id, 'file' AS type, w.mode, w.uid, w.gid, w.size, 1 AS nlink, w.atime::text AS atime, w.mtime::text AS mtime,
        now::text AS ctime, 1 AS version, w."contentType" AS content_type, NULL AS symlink_target, w.content AS content_id, ${WRITTEN}
      FROM wanted w
    ) r;
    PERFORM callfs_count('files', done.rows);
    PERFORM callfs_count('inline_bytes', done.added::bigint);
    RETURN done.inodes;
  END $$`,

  // All small writes of a batch, or null.
  `CREATE OR REPLACE FUNCTION callfs_write_small(writes JSONB, bytes BYTEA) RETURNS JSON LANGUAGE plpgsql AS $$
  DECLARE
    now BIGINT := ${NOW_NS};
    state TEXT;
    created JSON := '[]';
    replaced JSON := '[]';
  BEGIN
    IF NOT callfs_small_hold(writes) THEN RETURN NULL; END IF;
    IF writes->'replaced' <> '[]' THEN replaced := callfs_replace_small(writes->'replaced', bytes, now); END IF;
    IF writes->'created' <> '[]' THEN created := callfs_create_small(writes->'created', bytes, now); END IF;
    RETURN json_build_array(replaced, created);
  EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE;
    IF left(state, 2) IN (${FAILURES}) THEN RAISE; END IF;
    RETURN NULL;
  END $$`,

  // As `callfs_commit`, under the shared lock, with small writes besides.
  `CREATE OR REPLACE FUNCTION callfs_commit_small(ops JSONB, bytes BYTEA[], inodes BIGINT[], writes JSONB, small BYTEA) RETURNS JSON LANGUAGE plpgsql AS $$
  DECLARE
    written JSON;
    results JSONB := '[]';
  BEGIN
    PERFORM pg_advisory_xact_lock_shared(${TREE_LOCK});
    PERFORM 1 FROM inode WHERE id = ANY (inodes) ORDER BY id FOR NO KEY UPDATE;
    IF ops <> results THEN PERFORM callfs_hold_contents(inodes); END IF;
    written := callfs_write_small(writes, small);
    IF ops = results THEN PERFORM callfs_write_totals();
    ELSE results := callfs_commit(ops, bytes, '{}', FALSE);
    END IF;
    RETURN json_build_object('small', written, 'results', results);
  END $$`,
];
