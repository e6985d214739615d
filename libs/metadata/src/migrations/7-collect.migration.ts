import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What the upkeep of the blobs remembers: when a sweep is due, how far a scrub has come, what it found damaged. */
const STATEMENTS = [
  `CREATE TABLE sweep (
    backend TEXT NOT NULL, instance_id TEXT NOT NULL, due_ms BIGINT NOT NULL, PRIMARY KEY (backend, instance_id))`,
  `CREATE TABLE scrub (
    backend TEXT NOT NULL, instance_id TEXT NOT NULL, due_ms BIGINT NOT NULL, started_ms BIGINT NOT NULL, finished_ms BIGINT NOT NULL,
    position BIGINT NOT NULL, blobs BIGINT NOT NULL, bytes BIGINT NOT NULL, PRIMARY KEY (backend, instance_id))`,
  `CREATE TABLE damage (
    backend TEXT NOT NULL, instance_id TEXT NOT NULL, key TEXT NOT NULL, content_id BIGINT NOT NULL, problem TEXT NOT NULL,
    found_ms BIGINT NOT NULL, PRIMARY KEY (backend, instance_id, key))`,
];

export class Collect1764206000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    for (const statement of STATEMENTS) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const table of ['damage', 'scrub', 'sweep']) await runner.query(`DROP TABLE ${table}`);
  }
}
