import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Both engines understand these: blobs are collected one by one, by the node that has them; shared backends belong to no node. */
const STATEMENTS = [
  `ALTER TABLE collect RENAME TO collect_content`,
  `DROP INDEX collect_not_before`,
  `CREATE TABLE collect (
    backend TEXT NOT NULL, instance_id TEXT NOT NULL, key TEXT NOT NULL, not_before BIGINT NOT NULL,
    PRIMARY KEY (backend, instance_id, key))`,
  `UPDATE replica SET instance_id = '' WHERE backend = 's3'`,
  `INSERT INTO collect (backend, instance_id, key, not_before)
   SELECT r.backend, r.instance_id, r.key, c.not_before FROM collect_content c JOIN replica r ON r.content_id = c.content_id`,
  `DELETE FROM replica WHERE content_id IN (SELECT content_id FROM collect_content)`,
  `DELETE FROM content WHERE refs = 0`,
  `DROP TABLE collect_content`,
  `CREATE INDEX collect_due ON collect (instance_id, not_before)`,
  `CREATE TABLE node (
    instance_id TEXT NOT NULL PRIMARY KEY, boot_id TEXT NOT NULL, endpoint TEXT NOT NULL, version TEXT NOT NULL,
    started_ms BIGINT NOT NULL, heartbeat_ms BIGINT NOT NULL)`,
];

export class Cluster1764201000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    for (const statement of STATEMENTS) await runner.query(statement);
  }

  async down(): Promise<void> {
    throw new Error('Blobs that wait for collection cannot be given back to contents.');
  }
}
