import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Uploads that come in parts, and the blobs that their parts are kept in until the upload becomes a file. */
const STATEMENTS = [
  `CREATE TABLE upload (
    id TEXT NOT NULL PRIMARY KEY, uid BIGINT NOT NULL, user_name TEXT NOT NULL, kind TEXT NOT NULL, state TEXT NOT NULL,
    path TEXT, metadata TEXT NOT NULL, terms TEXT NOT NULL, sources TEXT, size BIGINT NOT NULL, received BIGINT NOT NULL,
    attempt BIGINT NOT NULL, created_ms BIGINT NOT NULL, expires_ms BIGINT NOT NULL)`,
  `CREATE INDEX upload_expiry ON upload (expires_ms)`,
  `CREATE TABLE upload_part (
    upload_id TEXT NOT NULL, position BIGINT NOT NULL, size BIGINT NOT NULL, sha256 TEXT,
    backend TEXT NOT NULL, instance_id TEXT NOT NULL, key TEXT NOT NULL, PRIMARY KEY (upload_id, position))`,
  `CREATE UNIQUE INDEX upload_part_blob ON upload_part (backend, instance_id, key)`,
];

export class Uploads1764203000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    for (const statement of STATEMENTS) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const table of ['upload_part', 'upload']) await runner.query(`DROP TABLE ${table}`);
  }
}
