import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Keys and users beside those of the configuration, and a number by which every node learns that they have changed. */
const STATEMENTS = [
  `CREATE TABLE api_key (
    digest TEXT NOT NULL PRIMARY KEY, id TEXT NOT NULL, name TEXT NOT NULL, user_name TEXT NOT NULL, path TEXT NOT NULL,
    verbs TEXT NOT NULL, created_ms BIGINT NOT NULL, created_by TEXT NOT NULL, expires_ms BIGINT, used_ms BIGINT,
    revoked_ms BIGINT)`,
  `CREATE UNIQUE INDEX api_key_id ON api_key (id)`,
  `CREATE TABLE account (
    name TEXT NOT NULL PRIMARY KEY, uid BIGINT NOT NULL, gid BIGINT NOT NULL, member_of TEXT NOT NULL, umask INTEGER NOT NULL,
    created_ms BIGINT NOT NULL, created_by TEXT NOT NULL)`,
  `CREATE TABLE access_revision (id INTEGER NOT NULL PRIMARY KEY, revision BIGINT NOT NULL)`,
  `INSERT INTO access_revision (id, revision) VALUES (1, 0)`,
];

export class Keys1764204000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    for (const statement of STATEMENTS) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const table of ['access_revision', 'account', 'api_key']) await runner.query(`DROP TABLE ${table}`);
  }
}
