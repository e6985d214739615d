import type { MigrationInterface, QueryRunner } from 'typeorm';
import { SMALL_WRITE_FUNCTIONS } from '../postgres/small-write-functions';

/** PostgreSQL makes the small writes of a batch together. */
export class SmallWrites1764212000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    if (runner.connection.options.type !== 'postgres') return;
    for (const statement of SMALL_WRITE_FUNCTIONS) await runner.query(statement);
  }

  async down(): Promise<void> {
    throw new Error('Without its functions the tree cannot be changed.');
  }
}
