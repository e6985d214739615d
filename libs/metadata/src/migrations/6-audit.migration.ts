import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Who did what. Rows are in the order in which they are asked for. */
export class Audit1764205000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`CREATE TABLE audit (
      at_ms BIGINT NOT NULL, instance_id TEXT NOT NULL, seq BIGINT NOT NULL, user_name TEXT NOT NULL, key_id TEXT NOT NULL,
      operation TEXT NOT NULL, path TEXT, target TEXT, address TEXT NOT NULL, status INTEGER NOT NULL, code TEXT NOT NULL,
      request_id TEXT NOT NULL, detail TEXT, PRIMARY KEY (at_ms, instance_id, seq))`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE audit');
  }
}
