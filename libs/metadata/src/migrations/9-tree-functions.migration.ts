import type { MigrationInterface, QueryRunner } from 'typeorm';
import { TREE_FUNCTIONS } from '../postgres/tree-functions';

/** PostgreSQL changes the tree by functions of its own; on SQLite there is nothing to make. */
export class TreeFunctions1764209000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    if (runner.connection.options.type !== 'postgres') return;
    for (const statement of TREE_FUNCTIONS) await runner.query(statement);
  }

  async down(): Promise<void> {
    throw new Error('Without its functions the tree cannot be changed.');
  }
}
