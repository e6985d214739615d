import type { MigrationInterface, QueryRunner } from 'typeorm';
import { TREE_FUNCTIONS } from '../postgres/tree-functions';

/** A tree is copied without the lock that everybody waits for. */
export class CopiesUnlocked1764210000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    if (runner.connection.options.type !== 'postgres') return;
    await runner.query('DROP FUNCTION IF EXISTS callfs_copy_rows(BIGINT, JSONB, BIGINT)');
    for (const statement of TREE_FUNCTIONS) await runner.query(statement);
  }

  async down(): Promise<void> {
    throw new Error('Without its functions the tree cannot be changed.');
  }
}
