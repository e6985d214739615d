import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Download links, and the uses of them whose transfer may still be continued. */
const STATEMENTS = [
  `CREATE TABLE link (
    id TEXT NOT NULL PRIMARY KEY, token_hash TEXT NOT NULL UNIQUE, path TEXT NOT NULL, inode_id BIGINT NOT NULL, content_id BIGINT NOT NULL,
    user_name TEXT NOT NULL, filename TEXT NOT NULL, password TEXT, allow_cidrs TEXT, max_uses INTEGER NOT NULL, uses INTEGER NOT NULL,
    last_use TEXT, created_ms BIGINT NOT NULL, expires_ms BIGINT NOT NULL, revoked_ms BIGINT)`,
  'CREATE INDEX link_by_creation ON link (created_ms, id)',
  'CREATE INDEX link_by_expiry ON link (expires_ms)',
  `CREATE TABLE link_use (
    id TEXT NOT NULL PRIMARY KEY, link_id TEXT NOT NULL, bytes_left BIGINT NOT NULL, expires_ms BIGINT NOT NULL)`,
  'CREATE INDEX link_use_by_expiry ON link_use (expires_ms)',
];

export class Links1764202000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    for (const statement of STATEMENTS) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const table of ['link_use', 'link']) await runner.query(`DROP TABLE ${table}`);
  }
}
