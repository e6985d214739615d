/*
 * The changes of the tree as functions of PostgreSQL: one round trip for a whole batch, however many rows each change
 * reads and writes. They do what `sqlite/tree-transactions.ts` does, and the same conformance suite says so.
 *
 * Who excludes whom. Every batch holds the advisory lock TREE shared to its commit; what changes a directory that is
 * there (its mode or owner, its place, its existence) or raises a fence holds it exclusively. So the directories that a
 * change was judged by stay as they are until it has committed, no two moves make a circle, and no commit with an
 * overtaken fence is still on its way when a raise has returned. Within that, a batch first locks the rows of all
 * inodes that it names, in the order of their numbers, and only then reads what it compares: rows that are read are
 * those of the last commit, and batches of several nodes wait for each other without a circle. Next come the rows of the
 * contents that it may release, in the order of theirs.
 *
 * A tree is copied without any of this: what is written is nobody's until its root has a name, which it gets at the end,
 * under the shared lock. Until then it only takes references, whose rows those wait for who release the same contents. Where
 * it cannot have the lock and the directory of its name soon, it lets go of these rows and tries again a few times. Then it takes
 * them last, as a batch does, unless they are so many that others would wait too long: such a copy is refused.
 *
 * Each change runs in a subtransaction: one that is refused leaves no trace. SQLSTATEs of class CF are refusals:
 * CF001 CONFLICT, CF002 DIRECTORY_NOT_EMPTY, CF003 STALE_LOCK, CF004 INVALID_REQUEST, CF006 BACKEND_UNAVAILABLE; CF005
 * asks for the change to be made again under the exclusive lock.
 */
import { CONDEMNED_MESSAGE } from '../condemned';

/** Key of the advisory lock that the changes of the tree hold, shared or exclusively. */
export const TREE_LOCK = 4_850_116_273_001;
export const EXCLUSIVE = `SELECT pg_advisory_xact_lock(${TREE_LOCK})`;
export const SHARED = `SELECT pg_advisory_xact_lock_shared(${TREE_LOCK})`;
/** Held while the schema is brought up to date. */
export const MIGRATION_LOCK = 4_850_116_273_002;

/** The time in nanoseconds, by the clock of PostgreSQL, which all nodes share. */
export const NOW_NS = '(extract(epoch FROM clock_timestamp()) * 1000000)::bigint * 1000';
/** Classes of SQLSTATEs that say nothing of a change: the whole batch fails with them. */
export const FAILURES = `'40', '53', '57', '58', 'XX'`;

/** An inode with its content as `InodeRow` has it. */
export const INODE_COLUMNS = `i.id, i.type, i.mode, i.uid, i.gid, i.size, i.nlink,
  i.atime_ns::text AS atime, i.mtime_ns::text AS mtime, i.ctime_ns::text AS ctime,
  i.version, i.content_type, i.symlink_target, i.content_id, c.kind, c.sha256, c.backend, c.instance_id,
  CASE WHEN c.kind = 'blob' THEN callfs_replicas(c.id) END AS replicas`;

export const TREE_FUNCTIONS: readonly string[] = [
  `CREATE OR REPLACE FUNCTION callfs_replicas(content BIGINT) RETURNS TEXT LANGUAGE sql STABLE AS $$
    SELECT coalesce(json_agg(json_build_array(backend, instance_id, key) ORDER BY backend, instance_id), '[]')::text
    FROM replica WHERE content_id = content
  $$`,

  // Functions in SQL are planned anew with each call; those in PL/pgSQL keep their plans.
  `CREATE OR REPLACE FUNCTION callfs_inode(inode_id BIGINT) RETURNS JSONB LANGUAGE plpgsql STABLE AS $$
  BEGIN
    RETURN (SELECT to_jsonb(r) FROM (
      SELECT ${INODE_COLUMNS} FROM inode i LEFT JOIN content c ON c.id = i.content_id WHERE i.id = inode_id
    ) r);
  END $$`,

  `CREATE OR REPLACE FUNCTION callfs_changed() RETURNS VOID LANGUAGE plpgsql AS $$
  BEGIN
    RAISE EXCEPTION 'The path has changed since it was read.' USING ERRCODE = 'CF001';
  END $$`,

  // The inode at the end of a path, when the names still lead to the same inodes with the same access attributes.
  `CREATE OR REPLACE FUNCTION callfs_path(path JSONB) RETURNS inode LANGUAGE plpgsql AS $$
  DECLARE
    found inode;
    names JSONB := path->'names';
    step JSONB;
    length INTEGER := jsonb_array_length(path->'names');
  BEGIN
    SELECT * INTO found FROM inode WHERE id = 1;
    FOR depth IN 0..length LOOP
      step := path->'steps'->depth;
      IF found.id IS NULL OR step IS NULL OR found.id <> (step->>'id')::bigint OR found.mode <> (step->>'mode')::integer
         OR found.uid <> (step->>'uid')::bigint OR found.gid <> (step->>'gid')::bigint THEN
        PERFORM callfs_changed();
      END IF;
      IF depth < length THEN
        SELECT i.* INTO found FROM dentry d JOIN inode i ON i.id = d.inode_id
          WHERE d.parent_id = found.id AND d.name = (names->>depth);
      END IF;
    END LOOP;
    RETURN found;
  END $$`,

  `CREATE OR REPLACE FUNCTION callfs_target(target JSONB) RETURNS inode LANGUAGE plpgsql AS $$
  DECLARE found inode := callfs_path(target->'path');
  BEGIN
    IF found.version <> (target->>'version')::bigint THEN PERFORM callfs_changed(); END IF;
    RETURN found;
  END $$`,

  // The directory that names a target.
  `CREATE OR REPLACE FUNCTION callfs_parent(target JSONB) RETURNS BIGINT LANGUAGE plpgsql AS $$
  DECLARE steps JSONB := target->'path'->'steps';
  BEGIN
    IF jsonb_array_length(steps) < 2 THEN
      RAISE EXCEPTION '"/" can be neither removed nor moved.' USING ERRCODE = 'CF004';
    END IF;
    RETURN (steps->(jsonb_array_length(steps) - 2)->>'id')::bigint;
  END $$`,

  // Totals are gathered in settings that end with the transaction, and roll back with its parts.
  `CREATE OR REPLACE FUNCTION callfs_count(total TEXT, amount BIGINT) RETURNS VOID LANGUAGE plpgsql AS $$
  BEGIN
    IF amount <> 0 THEN
      PERFORM set_config('callfs.' || total, (coalesce(nullif(current_setting('callfs.' || total, TRUE), ''), '0')::bigint + amount)::text, TRUE);
    END IF;
  END $$`,

  // Called last: these few rows are everybody's, and whoever has changed one keeps others waiting until it commits.
  `CREATE OR REPLACE FUNCTION callfs_write_totals() RETURNS VOID LANGUAGE plpgsql AS $$
  DECLARE
    total TEXT;
    amount BIGINT;
  BEGIN
    FOREACH total IN ARRAY ARRAY['blob_bytes', 'directories', 'files', 'inline_bytes'] LOOP
      amount := coalesce(nullif(current_setting('callfs.' || total, TRUE), ''), '0')::bigint;
      IF amount <> 0 THEN
        UPDATE statistic SET value = value + amount WHERE name = total;
        PERFORM set_config('callfs.' || total, '0', TRUE);
      END IF;
    END LOOP;
  END $$`,

  `CREATE OR REPLACE FUNCTION callfs_must_be_empty(directory BIGINT) RETURNS VOID LANGUAGE plpgsql AS $$
  BEGIN
    IF EXISTS (SELECT 1 FROM dentry WHERE parent_id = directory) THEN
      RAISE EXCEPTION 'The directory is not empty; add "?recursive=true" to remove it with everything below it.'
        USING ERRCODE = 'CF002';
    END IF;
  END $$`,

  `CREATE OR REPLACE FUNCTION callfs_touch(directory BIGINT, links BIGINT, now BIGINT) RETURNS VOID LANGUAGE plpgsql AS $$
  BEGIN
    UPDATE inode SET mtime_ns = now, ctime_ns = now, nlink = nlink + links, version = version + 1 WHERE id = directory;
  END $$`,

  `CREATE OR REPLACE FUNCTION callfs_insert(kind TEXT, attributes JSONB, size BIGINT, links BIGINT, content BIGINT, media TEXT, target TEXT, now BIGINT)
   RETURNS BIGINT LANGUAGE plpgsql AS $$
  DECLARE made BIGINT;
  BEGIN
    INSERT INTO inode (type, mode, uid, gid, size, nlink, atime_ns, mtime_ns, ctime_ns, version, content_id, content_type, symlink_target)
    VALUES (kind, (attributes->>'mode')::integer, (attributes->>'uid')::bigint, (attributes->>'gid')::bigint, size, links,
      coalesce((attributes->>'atimeNs')::bigint, now), coalesce((attributes->>'mtimeNs')::bigint, now), now, 1, content, media, target)
    RETURNING id INTO made;
    PERFORM callfs_count(CASE kind WHEN 'directory' THEN 'directories' ELSE 'files' END, 1);
    RETURN made;
  END $$`,

  `CREATE OR REPLACE FUNCTION callfs_link(directory BIGINT, entry TEXT, child BIGINT, links BIGINT, now BIGINT) RETURNS VOID LANGUAGE plpgsql AS $$
  BEGIN
    INSERT INTO dentry (parent_id, name, inode_id) VALUES (directory, entry, child);
    PERFORM callfs_touch(directory, links, now);
  END $$`,

  `CREATE OR REPLACE FUNCTION callfs_unlink(directory BIGINT, entry TEXT, links BIGINT, now BIGINT) RETURNS VOID LANGUAGE plpgsql AS $$
  BEGIN
    DELETE FROM dentry WHERE parent_id = directory AND name = entry;
    PERFORM callfs_touch(directory, links, now);
  END $$`,

  // Gives references back: the last one deletes inline bytes and leaves blobs to the collector, after its grace.
  `CREATE OR REPLACE FUNCTION callfs_release(contents BIGINT[], grace_ns BIGINT) RETURNS VOID LANGUAGE plpgsql AS $$
  DECLARE
    due BIGINT := ${NOW_NS} + grace_ns;
    gone RECORD;
  BEGIN
    -- One is planned once; for many it depends on how many.
    IF cardinality(contents) = 1 THEN
      UPDATE content SET refs = refs - 1 WHERE id = contents[1] RETURNING kind, size, refs INTO gone;
      IF gone.refs <= 0 THEN
        IF gone.kind = 'blob' THEN
          INSERT INTO collect (backend, instance_id, key, not_before)
            SELECT backend, instance_id, key, due FROM replica WHERE content_id = contents[1];
          DELETE FROM replica WHERE content_id = contents[1];
        END IF;
        DELETE FROM content WHERE id = contents[1];
        PERFORM callfs_count(gone.kind || '_bytes', -gone.size);
      END IF;
      RETURN;
    END IF;
    PERFORM 1 FROM content WHERE id = ANY (contents) ORDER BY id FOR UPDATE;
    UPDATE content SET refs = refs - n.count
      FROM (SELECT id, count(*) AS count FROM unnest(contents) AS id GROUP BY id) n WHERE content.id = n.id;
    INSERT INTO collect (backend, instance_id, key, not_before)
      SELECT r.backend, r.instance_id, r.key, due FROM replica r JOIN content c ON c.id = r.content_id
      WHERE c.id = ANY (contents) AND c.refs <= 0;
    DELETE FROM replica WHERE content_id IN (SELECT id FROM content WHERE id = ANY (contents) AND refs <= 0);
    FOR gone IN
      WITH deleted AS (DELETE FROM content WHERE id = ANY (contents) AND refs <= 0 RETURNING kind, size)
      SELECT kind, sum(size)::bigint AS size FROM deleted GROUP BY kind
    LOOP
      PERFORM callfs_count(gone.kind || '_bytes', -gone.size);
    END LOOP;
  END $$`,

  // What waits for collection may be gone at any moment.
  `CREATE OR REPLACE FUNCTION callfs_refuse_condemned(blobs JSONB) RETURNS VOID LANGUAGE plpgsql AS $$
  BEGIN
    IF EXISTS (SELECT 1 FROM jsonb_array_elements(blobs) b JOIN collect q
               ON q.backend = b->>'backend' AND q.instance_id = b->>'instanceId' AND q.key = b->>'key') THEN
      RAISE EXCEPTION '${CONDEMNED_MESSAGE}' USING ERRCODE = 'CF006';
    END IF;
  END $$`,

  // Takes a reference to a new content or to the one that is shared; its number and size.
  `CREATE OR REPLACE FUNCTION callfs_reference(wanted JSONB, bytes BYTEA, OUT content BIGINT, OUT length BIGINT) LANGUAGE plpgsql AS $$
  BEGIN
    IF wanted ? 'copyOf' THEN
      UPDATE content SET refs = refs + 1 WHERE id = (wanted->>'copyOf')::bigint AND refs > 0 RETURNING id, size INTO content, length;
      IF content IS NULL THEN
        RAISE EXCEPTION 'The content to copy has been replaced.' USING ERRCODE = 'CF001';
      END IF;
      RETURN;
    END IF;
    INSERT INTO content (kind, size, sha256, refs, backend, instance_id, data)
      VALUES (CASE WHEN bytes IS NULL THEN 'blob' ELSE 'inline' END, (wanted->>'size')::bigint, wanted->>'sha256', 1,
        wanted->>'backend', wanted->>'instanceId', bytes)
      RETURNING id, size INTO content, length;
    IF jsonb_array_length(wanted->'replicas') > 0 THEN
      PERFORM callfs_refuse_condemned(wanted->'replicas');
      INSERT INTO replica (content_id, backend, instance_id, key)
        SELECT content, r->>'backend', r->>'instanceId', r->>'key' FROM jsonb_array_elements(wanted->'replicas') r;
    END IF;
    PERFORM callfs_count(CASE WHEN bytes IS NULL THEN 'blob_bytes' ELSE 'inline_bytes' END, length);
  END $$`,

  `CREATE OR REPLACE FUNCTION callfs_update(inode_id BIGINT, changes JSONB, now BIGINT) RETURNS VOID LANGUAGE plpgsql AS $$
  BEGIN
    UPDATE inode SET
      mode = coalesce((changes->>'mode')::integer, mode), uid = coalesce((changes->>'uid')::bigint, uid),
      gid = coalesce((changes->>'gid')::bigint, gid), atime_ns = coalesce((changes->>'atimeNs')::bigint, atime_ns),
      mtime_ns = coalesce((changes->>'mtimeNs')::bigint, mtime_ns), ctime_ns = now, version = version + 1,
      content_type = CASE WHEN changes ? 'contentType' THEN changes->>'contentType' ELSE content_type END
    WHERE id = inode_id;
  END $$`,

  // Judges where a new name is to stand, and makes the missing directories; the directory it will be in.
  `CREATE OR REPLACE FUNCTION callfs_place(at JSONB, now BIGINT) RETURNS BIGINT LANGUAGE plpgsql AS $$
  DECLARE
    directory inode := callfs_path(at->'directory');
    parent BIGINT := directory.id;
    made BIGINT;
    missing JSONB;
  BEGIN
    IF directory.type <> 'directory' THEN PERFORM callfs_changed(); END IF;
    IF EXISTS (SELECT 1 FROM dentry WHERE parent_id = parent AND name = coalesce(at->'missing'->0->>'name', at->>'name')) THEN
      PERFORM callfs_changed();
    END IF;
    FOR missing IN SELECT * FROM jsonb_array_elements(at->'missing') LOOP
      made := callfs_insert('directory', missing, 0, 2, NULL, NULL, NULL, now);
      PERFORM callfs_link(parent, missing->>'name', made, 1, now);
      parent := made;
    END LOOP;
    RETURN parent;
  END $$`,

  `CREATE OR REPLACE FUNCTION callfs_delete(inode_id BIGINT, kind TEXT, content BIGINT, grace_ns BIGINT) RETURNS VOID LANGUAGE plpgsql AS $$
  BEGIN
    DELETE FROM inode WHERE id = inode_id;
    IF content IS NOT NULL THEN PERFORM callfs_release(ARRAY[content], grace_ns); END IF;
    PERFORM callfs_count(CASE kind WHEN 'directory' THEN 'directories' ELSE 'files' END, -1);
  END $$`,

  // Only under the exclusive lock: others were judged by this directory.
  `CREATE OR REPLACE FUNCTION callfs_needs_exclusive(kind TEXT, op JSONB) RETURNS VOID LANGUAGE plpgsql AS $$
  BEGIN
    IF kind = 'directory' AND NOT coalesce((op->>'exclusive')::boolean, FALSE) THEN
      RAISE EXCEPTION 'Directories change alone.' USING ERRCODE = 'CF005';
    END IF;
  END $$`,

  `CREATE OR REPLACE FUNCTION callfs_guard(guard JSONB) RETURNS VOID LANGUAGE plpgsql AS $$
  DECLARE overtaken TEXT;
  BEGIN
    IF jsonb_typeof(guard) = 'object' THEN
      SELECT name INTO overtaken FROM fence
        WHERE name IN (SELECT jsonb_array_elements_text(guard->'lockNames')) AND token > (guard->>'fence')::bigint LIMIT 1;
      IF overtaken IS NOT NULL THEN
        RAISE EXCEPTION 'The lock on % was lost before the commit; nothing has changed. Try again.', overtaken USING ERRCODE = 'CF003';
      END IF;
    END IF;
  END $$`,

  `CREATE OR REPLACE FUNCTION callfs_move(op JSONB, now BIGINT, grace_ns BIGINT) RETURNS BIGINT LANGUAGE plpgsql AS $$
  DECLARE
    source JSONB := op->'source';
    destination JSONB := op->'to';
    replaced JSONB := op->'replaced';
    moved inode := callfs_target(source);
    parent BIGINT := callfs_parent(source);
    entry TEXT := source->'path'->'names'->>-1;
    there inode;
    directory BIGINT;
    links BIGINT := CASE moved.type WHEN 'directory' THEN 1 ELSE 0 END;
    hasMissing BOOLEAN := jsonb_array_length(destination->'missing') > 0;
  BEGIN
    PERFORM callfs_needs_exclusive(moved.type, op);
    IF (replaced->>'id')::bigint = moved.id AND destination->>'name' = entry AND NOT hasMissing THEN
      RETURN moved.id;
    END IF;
    IF EXISTS (SELECT 1 FROM jsonb_array_elements(destination->'directory'->'steps') s WHERE (s->>'id')::bigint = moved.id) THEN
      RAISE EXCEPTION 'A directory cannot be moved into itself.' USING ERRCODE = 'CF004';
    END IF;
    IF jsonb_typeof(replaced) <> 'object' OR hasMissing THEN
      directory := callfs_place(destination, now);
    ELSE
      directory := (callfs_path(destination->'directory')).id;
      SELECT i.* INTO there FROM dentry d JOIN inode i ON i.id = d.inode_id
        WHERE d.parent_id = directory AND d.name = destination->>'name';
      IF there.id IS DISTINCT FROM (replaced->>'id')::bigint OR there.version <> (replaced->>'version')::bigint THEN
        RAISE EXCEPTION 'The destination has changed.' USING ERRCODE = 'CF001';
      END IF;
      PERFORM callfs_needs_exclusive(there.type, op);
      IF there.type = 'directory' THEN PERFORM callfs_must_be_empty(there.id); END IF;
      PERFORM callfs_unlink(directory, destination->>'name', CASE there.type WHEN 'directory' THEN -1 ELSE 0 END, now);
      PERFORM callfs_delete(there.id, there.type, there.content_id, grace_ns);
    END IF;
    DELETE FROM dentry WHERE parent_id = parent AND name = entry;
    INSERT INTO dentry (parent_id, name, inode_id) VALUES (directory, destination->>'name', moved.id);
    PERFORM callfs_touch(parent, CASE WHEN parent = directory THEN 0 ELSE -links END, now);
    IF parent <> directory THEN PERFORM callfs_touch(directory, links, now); END IF;
    PERFORM callfs_update(moved.id, '{}', now);
    RETURN moved.id;
  END $$`,

  // One change; the inode that it made or changed, if any.
  `CREATE OR REPLACE FUNCTION callfs_change(op JSONB, bytes BYTEA) RETURNS BIGINT LANGUAGE plpgsql AS $$
  DECLARE
    now BIGINT := ${NOW_NS};
    grace_ns BIGINT := coalesce((op->>'graceNs')::bigint, 0);
    found inode;
    parent BIGINT;
    made BIGINT;
    taken RECORD;
  BEGIN
    PERFORM callfs_guard(op->'guard');
    CASE op->>'op'
      WHEN 'createFile' THEN
        parent := callfs_place(op->'at', now);
        SELECT * INTO taken FROM callfs_reference(op->'content', bytes);
        made := callfs_insert('file', op->'attributes', taken.length, 1, taken.content, op->>'contentType', NULL, now);
        PERFORM callfs_link(parent, op->'at'->>'name', made, 0, now);
        RETURN made;
      WHEN 'createDirectory' THEN
        parent := callfs_place(op->'at', now);
        made := callfs_insert('directory', op->'attributes', 0, 2, NULL, NULL, NULL, now);
        PERFORM callfs_link(parent, op->'at'->>'name', made, 1, now);
        RETURN made;
      WHEN 'createSymlink' THEN
        parent := callfs_place(op->'at', now);
        made := callfs_insert('symlink', op->'attributes', octet_length(op->>'target'), 1, NULL, NULL, op->>'target', now);
        PERFORM callfs_link(parent, op->'at'->>'name', made, 0, now);
        RETURN made;
      WHEN 'replaceContent' THEN
        found := callfs_target(op->'target');
        IF found.content_id IS NULL THEN
          RAISE EXCEPTION 'Only a file has content that can be replaced.' USING ERRCODE = 'CF004';
        END IF;
        SELECT * INTO taken FROM callfs_reference(op->'content', bytes);
        UPDATE inode SET content_id = taken.content, size = taken.length WHERE id = found.id;
        PERFORM callfs_release(ARRAY[found.content_id], grace_ns);
        PERFORM callfs_update(found.id, jsonb_build_object('mtimeNs', now) || (op->'changes'), now);
        RETURN found.id;
      WHEN 'setAttributes' THEN
        found := callfs_target(op->'target');
        IF op->'changes' ?| ARRAY['mode', 'uid', 'gid'] THEN PERFORM callfs_needs_exclusive(found.type, op); END IF;
        PERFORM callfs_update(found.id, op->'changes', now);
        RETURN found.id;
      WHEN 'remove' THEN
        found := callfs_target(op->'target');
        parent := callfs_parent(op->'target');
        PERFORM callfs_needs_exclusive(found.type, op);
        IF found.type = 'directory' THEN PERFORM callfs_must_be_empty(found.id); END IF;
        PERFORM callfs_unlink(parent, op->'target'->'path'->'names'->>-1, CASE found.type WHEN 'directory' THEN -1 ELSE 0 END, now);
        PERFORM callfs_delete(found.id, found.type, found.content_id, grace_ns);
        RETURN NULL;
      WHEN 'move' THEN
        RETURN callfs_move(op, now, grace_ns);
      WHEN 'changeReplicas' THEN
        PERFORM callfs_change_replicas((op->>'content')::bigint, op->'change', now + grace_ns);
        RETURN NULL;
    END CASE;
  END $$`,

  `CREATE OR REPLACE FUNCTION callfs_change_replicas(content BIGINT, change JSONB, due BIGINT) RETURNS VOID LANGUAGE plpgsql AS $$
  DECLARE
    kept TEXT;
    wanted INTEGER;
    done INTEGER;
  BEGIN
    SELECT kind INTO kept FROM content c WHERE c.id = content FOR UPDATE;
    IF kept IS NULL THEN
      RAISE EXCEPTION 'The content has been replaced or removed.' USING ERRCODE = 'CF001';
    END IF;
    wanted := jsonb_array_length(coalesce(change->'drop', '[]'));
    WITH gone AS (
      DELETE FROM replica r USING jsonb_array_elements(coalesce(change->'drop', '[]')) d
      WHERE r.content_id = content AND r.backend = d->>'backend' AND r.instance_id = d->>'instanceId' AND r.key = d->>'key'
      RETURNING r.backend, r.instance_id, r.key
    ) INSERT INTO collect (backend, instance_id, key, not_before) SELECT backend, instance_id, key, due FROM gone;
    GET DIAGNOSTICS done = ROW_COUNT;
    IF done <> wanted THEN RAISE EXCEPTION 'The content has no such blob any more.' USING ERRCODE = 'CF001'; END IF;
    PERFORM callfs_refuse_condemned(coalesce(change->'add', '[]'));
    wanted := jsonb_array_length(coalesce(change->'add', '[]'));
    FOR i IN 0..wanted - 1 LOOP
      INSERT INTO replica (content_id, backend, instance_id, key)
        VALUES (content, change->'add'->i->>'backend', change->'add'->i->>'instanceId', change->'add'->i->>'key')
        ON CONFLICT DO NOTHING;
      GET DIAGNOSTICS done = ROW_COUNT;
      IF done = 0 THEN RAISE EXCEPTION 'The content has a blob there already.' USING ERRCODE = 'CF001'; END IF;
    END LOOP;
    IF kept = 'blob' AND NOT EXISTS (SELECT 1 FROM replica r WHERE r.content_id = content) THEN
      RAISE EXCEPTION 'A content keeps at least one blob.' USING ERRCODE = 'CF001';
    END IF;
    IF change ? 'place' THEN
      UPDATE content c SET backend = change->'place'->>'backend', instance_id = change->'place'->>'instanceId' WHERE c.id = content;
    END IF;
  END $$`,

  // Contents may be shared, and belong to trees that are being copied: whoever releases several locks them in one order.
  `CREATE OR REPLACE FUNCTION callfs_hold_contents(inodes BIGINT[]) RETURNS VOID LANGUAGE plpgsql AS $$
  BEGIN
    PERFORM 1 FROM content WHERE id IN (SELECT content_id FROM inode WHERE id = ANY (inodes)) ORDER BY id FOR NO KEY UPDATE;
  END $$`,

  // A batch of changes under the lock of the tree: for each, the inode as it is now or why it was refused.
  `CREATE OR REPLACE FUNCTION callfs_commit(ops JSONB, bytes BYTEA[], inodes BIGINT[], exclusive BOOLEAN) RETURNS JSONB LANGUAGE plpgsql AS $$
  DECLARE
    results JSONB := '[]';
    made BIGINT;
    state TEXT;
    reason TEXT;
  BEGIN
    IF exclusive THEN PERFORM pg_advisory_xact_lock(${TREE_LOCK});
    ELSE PERFORM pg_advisory_xact_lock_shared(${TREE_LOCK});
    END IF;
    PERFORM 1 FROM inode WHERE id = ANY (inodes) ORDER BY id FOR NO KEY UPDATE;
    IF jsonb_array_length(ops) > 1 THEN PERFORM callfs_hold_contents(inodes); END IF;
    FOR i IN 0..jsonb_array_length(ops) - 1 LOOP
      BEGIN
        made := callfs_change(ops->i, bytes[i + 1]);
        results := results || jsonb_build_array(jsonb_build_object('inode', callfs_inode(made)));
      EXCEPTION WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, reason = MESSAGE_TEXT;
        IF left(state, 2) IN (${FAILURES}) THEN RAISE; END IF;
        results := results || jsonb_build_array(jsonb_build_object('state', state, 'reason', reason));
      END;
    END LOOP;
    PERFORM callfs_write_totals();
    RETURN results;
  END $$`,

  // Reads a tree as it is at one moment, and gives every inode of it the number of its copy.
  `CREATE OR REPLACE FUNCTION callfs_gather(root BIGINT) RETURNS VOID LANGUAGE plpgsql AS $$
  BEGIN
    CREATE TEMP TABLE IF NOT EXISTS callfs_gathered (
      old_id BIGINT PRIMARY KEY, new_id BIGINT NOT NULL, parent_id BIGINT, name TEXT COLLATE "C", type TEXT NOT NULL,
      mode INTEGER NOT NULL, uid BIGINT NOT NULL, gid BIGINT NOT NULL, size BIGINT NOT NULL, nlink BIGINT NOT NULL,
      content_id BIGINT, content_type TEXT, symlink_target TEXT) ON COMMIT DELETE ROWS;
    WITH RECURSIVE tree (id, parent_id, name) AS (
      SELECT root, NULL::bigint, NULL::text COLLATE "C"
      UNION ALL
      SELECT d.inode_id, d.parent_id, d.name FROM tree JOIN dentry d ON d.parent_id = tree.id
    )
    INSERT INTO callfs_gathered
      SELECT i.id, nextval(pg_get_serial_sequence('inode', 'id')), t.parent_id, t.name, i.type, i.mode, i.uid, i.gid, i.size, i.nlink,
        i.content_id, i.content_type, i.symlink_target
      FROM tree t JOIN inode i ON i.id = t.id;
    ANALYZE callfs_gathered;
  END $$`,

  // Writes the copies of what was gathered, in a constant number of statements; nobody can see them yet. The new root.
  `CREATE OR REPLACE FUNCTION callfs_copy_rows(attributes JSONB, now BIGINT) RETURNS BIGINT LANGUAGE plpgsql AS $$
  DECLARE
    owner BIGINT := (attributes->>'uid')::bigint;
    grp BIGINT := (attributes->>'gid')::bigint;
    kept INTEGER := 511 & ~(attributes->>'umask')::integer;
    bits INTEGER := (attributes->>'directoryBits')::integer;
    amount RECORD;
  BEGIN
    INSERT INTO inode (id, type, mode, uid, gid, size, nlink, atime_ns, mtime_ns, ctime_ns, version, content_id, content_type, symlink_target)
      SELECT new_id, type, CASE type WHEN 'symlink' THEN 511 WHEN 'directory' THEN (mode & kept) | bits ELSE mode & kept END,
        owner, grp, size, nlink, now, now, now, 1, content_id, content_type, symlink_target
      FROM callfs_gathered;
    INSERT INTO dentry (parent_id, name, inode_id)
      SELECT p.new_id, g.name, g.new_id FROM callfs_gathered g JOIN callfs_gathered p ON p.old_id = g.parent_id;
    SELECT count(*) AS entries, count(*) FILTER (WHERE type = 'directory') AS directories INTO amount FROM callfs_gathered;
    PERFORM callfs_count('directories', amount.directories);
    PERFORM callfs_count('files', amount.entries - amount.directories);
    RETURN (SELECT new_id FROM callfs_gathered WHERE parent_id IS NULL);
  END $$`,

  // Takes the references of the copies. Those whose content has gone since it was gathered are copied anew: the file that
  // now has their name, or none. How many they were; above 0 nothing has been taken yet and the call is to be repeated.
  `CREATE OR REPLACE FUNCTION callfs_hold_gathered(attributes JSONB) RETURNS INTEGER LANGUAGE plpgsql AS $$
  DECLARE
    gone BIGINT[];
    left_out BIGINT;
  BEGIN
    PERFORM 1 FROM content WHERE id IN (SELECT content_id FROM callfs_gathered) ORDER BY id FOR NO KEY UPDATE;
    SELECT array_agg(new_id) INTO gone FROM callfs_gathered g
      WHERE content_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM content c WHERE c.id = g.content_id);
    IF gone IS NULL THEN
      UPDATE content SET refs = refs + copies.n
        FROM (SELECT content_id AS id, count(*) AS n FROM callfs_gathered WHERE content_id IS NOT NULL GROUP BY 1) copies
        WHERE content.id = copies.id;
      RETURN 0;
    END IF;
    WITH present AS (
      SELECT g.new_id, i.* FROM callfs_gathered g JOIN dentry d ON d.parent_id = g.parent_id AND d.name = g.name
        JOIN inode i ON i.id = d.inode_id WHERE g.new_id = ANY (gone) AND i.type = 'file'
    )
    UPDATE callfs_gathered g SET mode = p.mode, uid = p.uid, gid = p.gid, size = p.size, content_id = p.content_id, content_type = p.content_type
      FROM present p WHERE p.new_id = g.new_id;
    UPDATE inode i SET mode = g.mode & 511 & ~(attributes->>'umask')::integer, size = g.size, content_id = g.content_id, content_type = g.content_type
      FROM callfs_gathered g WHERE g.new_id = ANY (gone) AND i.id = g.new_id;
    WITH lost AS (
      DELETE FROM callfs_gathered g WHERE new_id = ANY (gone)
        AND NOT EXISTS (SELECT 1 FROM dentry d JOIN inode i ON i.id = d.inode_id
                        WHERE d.parent_id = g.parent_id AND d.name = g.name AND i.type = 'file')
      RETURNING new_id, parent_id, name
    ), unnamed AS (
      DELETE FROM dentry d USING lost l, callfs_gathered p
      WHERE p.old_id = l.parent_id AND d.parent_id = p.new_id AND d.name = l.name
    ), deleted AS (
      DELETE FROM inode i USING lost l WHERE i.id = l.new_id RETURNING i.id
    ) SELECT count(*) INTO left_out FROM deleted;
    PERFORM callfs_count('files', -left_out);
    RETURN cardinality(gone);
  END $$`,

  // Deletes up to so many rows of removed trees; how many there were.
  `CREATE OR REPLACE FUNCTION callfs_reap(most INTEGER, grace_ns BIGINT) RETURNS INTEGER LANGUAGE plpgsql AS $$
  DECLARE
    budget INTEGER := most;
    tree BIGINT;
    children BIGINT[];
    leaves BIGINT[];
    contents BIGINT[];
    released BIGINT[] := '{}';
  BEGIN
    WHILE budget > 0 LOOP
      SELECT inode_id INTO tree FROM detached ORDER BY inode_id DESC LIMIT 1 FOR UPDATE SKIP LOCKED;
      EXIT WHEN tree IS NULL;
      WITH gone AS (
        DELETE FROM dentry WHERE (parent_id, name) IN (SELECT parent_id, name FROM dentry WHERE parent_id = tree LIMIT budget)
        RETURNING inode_id
      ) SELECT coalesce(array_agg(inode_id), '{}') INTO children FROM gone;
      INSERT INTO detached (inode_id) SELECT id FROM inode WHERE id = ANY (children) AND type = 'directory';
      WITH gone AS (
        DELETE FROM inode WHERE id = ANY (children) AND type <> 'directory' RETURNING id, content_id
      ) SELECT coalesce(array_agg(id), '{}'), coalesce(array_agg(content_id) FILTER (WHERE content_id IS NOT NULL), '{}')
        INTO leaves, contents FROM gone;
      released := released || contents;
      PERFORM callfs_count('files', -cardinality(leaves));
      budget := budget - cardinality(children);
      EXIT WHEN budget <= 0;
      DELETE FROM detached WHERE inode_id = tree;
      DELETE FROM inode WHERE id = tree;
      PERFORM callfs_count('directories', -1);
      budget := budget - 1;
    END LOOP;
    -- All at once: the rows of contents are locked in one order.
    IF cardinality(released) > 0 THEN PERFORM callfs_release(released, grace_ns); END IF;
    PERFORM callfs_write_totals();
    RETURN most - budget;
  END $$`,
];
