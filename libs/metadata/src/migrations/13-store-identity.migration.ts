import { randomBytes } from 'node:crypto';
import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The store has a name of its own, which the places of its blobs bear. */
export class StoreIdentity1764213000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('CREATE TABLE store (only_row INTEGER PRIMARY KEY CHECK (only_row = 1), id TEXT NOT NULL, copy_of TEXT)');
    await runner.query(`INSERT INTO store (only_row, id) VALUES (1, '${randomBytes(16).toString('hex')}')`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE store');
  }
}
