import type { MigrationInterface, QueryRunner } from 'typeorm';
import { TREE_FUNCTIONS } from '../postgres/tree-functions';

/** The functions of the tree keep the plans of their statements. */
export class PlannedFunctions1764211000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    if (runner.connection.options.type !== 'postgres') return;
    for (const statement of TREE_FUNCTIONS) await runner.query(statement);
  }

  async down(): Promise<void> {
    throw new Error('Without its functions the tree cannot be changed.');
  }
}
