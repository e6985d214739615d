import type { MigrationInterface, QueryRunner } from 'typeorm';

/** A commit that comes after its blob was given up is refused, however late. */
export class LateCommits1764214000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE collect ADD COLUMN refused_until BIGINT');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE collect DROP COLUMN refused_until');
  }
}
