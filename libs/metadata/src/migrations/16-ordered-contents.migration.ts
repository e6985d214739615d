import type { MigrationInterface, QueryRunner } from 'typeorm';
import { SMALL_WRITE_FUNCTIONS } from '../postgres/small-write-functions';
import { TREE_FUNCTIONS } from '../postgres/tree-functions';

/** Commits lock the rows of contents in one order. */
export class OrderedContents1764216000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    if (runner.connection.options.type !== 'postgres') return;
    for (const statement of [...TREE_FUNCTIONS, ...SMALL_WRITE_FUNCTIONS]) await runner.query(statement);
  }

  async down(): Promise<void> {
    throw new Error('Without its functions the tree cannot be changed.');
  }
}
