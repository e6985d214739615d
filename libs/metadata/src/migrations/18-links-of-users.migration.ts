import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The links of a user are counted and listed without a look at those of all others. */
export class LinksOfUsers1764218000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('CREATE INDEX link_by_user ON link (user_name, created_ms, id)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP INDEX link_by_user');
  }
}
