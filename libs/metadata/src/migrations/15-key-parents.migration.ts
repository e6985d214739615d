import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Keys and links remember the key that they were made with, and end with it. */
const STATEMENTS = [
  'ALTER TABLE api_key ADD COLUMN parent_id TEXT',
  'CREATE INDEX api_key_by_parent ON api_key (parent_id)',
  'CREATE INDEX api_key_by_user ON api_key (user_name)',
  'ALTER TABLE link ADD COLUMN key_id TEXT',
  'CREATE INDEX link_by_key ON link (key_id)',
];

export class KeyParents1764215000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    for (const statement of STATEMENTS) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const index of ['link_by_key', 'api_key_by_user', 'api_key_by_parent']) await runner.query(`DROP INDEX ${index}`);
    await runner.query('ALTER TABLE link DROP COLUMN key_id');
    await runner.query('ALTER TABLE api_key DROP COLUMN parent_id');
  }
}
