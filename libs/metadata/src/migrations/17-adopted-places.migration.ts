import type { MigrationInterface, QueryRunner } from 'typeorm';

/** A copy of a store remembers which places it has made its own. */
export class AdoptedPlaces1764217000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(
      'CREATE TABLE adopted_place (backend TEXT NOT NULL, instance_id TEXT NOT NULL, PRIMARY KEY (backend, instance_id))',
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE adopted_place');
  }
}
