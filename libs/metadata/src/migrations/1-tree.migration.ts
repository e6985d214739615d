import type { MigrationInterface, QueryRunner } from 'typeorm';

const SQLITE = [
  `CREATE TABLE inode (
    id INTEGER PRIMARY KEY AUTOINCREMENT, type TEXT NOT NULL, mode INTEGER NOT NULL, uid INTEGER NOT NULL, gid INTEGER NOT NULL,
    size INTEGER NOT NULL, nlink INTEGER NOT NULL, atime_ns INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, ctime_ns INTEGER NOT NULL,
    version INTEGER NOT NULL, content_id INTEGER, content_type TEXT, symlink_target TEXT)`,
  `CREATE TABLE dentry (parent_id INTEGER NOT NULL, name TEXT NOT NULL, inode_id INTEGER NOT NULL, PRIMARY KEY (parent_id, name)) WITHOUT ROWID`,
  `CREATE TABLE content (
    id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, size INTEGER NOT NULL, sha256 TEXT NOT NULL, refs INTEGER NOT NULL,
    backend TEXT NOT NULL, instance_id TEXT NOT NULL, data BLOB)`,
  `CREATE TABLE replica (
    content_id INTEGER NOT NULL, backend TEXT NOT NULL, instance_id TEXT NOT NULL, key TEXT NOT NULL,
    PRIMARY KEY (content_id, backend, instance_id)) WITHOUT ROWID`,
  `CREATE UNIQUE INDEX replica_key ON replica (backend, instance_id, key)`,
  `CREATE TABLE collect (content_id INTEGER PRIMARY KEY, not_before INTEGER NOT NULL)`,
  `CREATE INDEX collect_not_before ON collect (not_before)`,
  `CREATE TABLE principal (kind TEXT NOT NULL, id INTEGER NOT NULL, name TEXT NOT NULL, PRIMARY KEY (kind, id)) WITHOUT ROWID`,
  `CREATE UNIQUE INDEX principal_name ON principal (kind, name)`,
  `CREATE TABLE fence (name TEXT NOT NULL PRIMARY KEY, token INTEGER NOT NULL) WITHOUT ROWID`,
  `CREATE TABLE detached (inode_id INTEGER PRIMARY KEY)`,
  `CREATE TABLE statistic (name TEXT NOT NULL PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID`,
];

const POSTGRES = [
  `CREATE TABLE inode (
    id BIGSERIAL PRIMARY KEY, type TEXT NOT NULL, mode INTEGER NOT NULL, uid BIGINT NOT NULL, gid BIGINT NOT NULL,
    size BIGINT NOT NULL, nlink BIGINT NOT NULL, atime_ns BIGINT NOT NULL, mtime_ns BIGINT NOT NULL, ctime_ns BIGINT NOT NULL,
    version BIGINT NOT NULL, content_id BIGINT, content_type TEXT, symlink_target TEXT) WITH (fillfactor = 80)`,
  // Names are compared and sorted by their bytes, whatever the locale of the database.
  `CREATE TABLE dentry (parent_id BIGINT NOT NULL, name TEXT COLLATE "C" NOT NULL, inode_id BIGINT NOT NULL, PRIMARY KEY (parent_id, name))`,
  `CREATE TABLE content (
    id BIGSERIAL PRIMARY KEY, kind TEXT NOT NULL, size BIGINT NOT NULL, sha256 TEXT NOT NULL, refs BIGINT NOT NULL,
    backend TEXT NOT NULL, instance_id TEXT NOT NULL, data BYTEA)`,
  // Users' bytes seldom compress, and what is stored as it is can be read in part.
  `ALTER TABLE content ALTER COLUMN data SET STORAGE EXTERNAL`,
  `CREATE TABLE replica (
    content_id BIGINT NOT NULL, backend TEXT NOT NULL, instance_id TEXT NOT NULL, key TEXT NOT NULL,
    PRIMARY KEY (content_id, backend, instance_id))`,
  `CREATE UNIQUE INDEX replica_key ON replica (backend, instance_id, key)`,
  `CREATE TABLE collect (content_id BIGINT PRIMARY KEY, not_before BIGINT NOT NULL)`,
  `CREATE INDEX collect_not_before ON collect (not_before)`,
  `CREATE TABLE principal (kind TEXT NOT NULL, id BIGINT NOT NULL, name TEXT NOT NULL, PRIMARY KEY (kind, id))`,
  `CREATE UNIQUE INDEX principal_name ON principal (kind, name)`,
  `CREATE TABLE fence (name TEXT COLLATE "C" NOT NULL PRIMARY KEY, token BIGINT NOT NULL)`,
  `CREATE SEQUENCE callfs_fence`,
  `CREATE TABLE detached (inode_id BIGINT PRIMARY KEY)`,
  `CREATE TABLE statistic (name TEXT NOT NULL PRIMARY KEY, value BIGINT NOT NULL) WITH (fillfactor = 50)`,
];

/** The tree as it is first made: `/`, the superuser and nothing else. */
const CONTENTS = [
  `INSERT INTO inode (id, type, mode, uid, gid, size, nlink, atime_ns, mtime_ns, ctime_ns, version)
   VALUES (1, 'directory', 493, 0, 0, 0, 2, $now, $now, $now, 1)`,
  `INSERT INTO principal (kind, id, name) VALUES ('user', 0, 'root'), ('group', 0, 'root')`,
  `INSERT INTO statistic (name, value) VALUES ('files', 0), ('directories', 1), ('inline_bytes', 0), ('blob_bytes', 0)`,
];

export class Tree1763900000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    const now = `${Date.now()}000000`;
    const isPostgres = runner.connection.options.type === 'postgres';
    const statements = [...(isPostgres ? POSTGRES : SQLITE), ...CONTENTS];
    for (const statement of statements) await runner.query(statement.replaceAll('$now', now));
    if (isPostgres) await runner.query(`SELECT setval(pg_get_serial_sequence('inode', 'id'), 1)`);
  }

  async down(): Promise<void> {
    throw new Error('The first migration is not undone: it would remove every file.');
  }
}
