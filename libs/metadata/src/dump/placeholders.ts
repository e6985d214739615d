import type { QueryRunner } from 'typeorm';

/** What stands for the parameters of a statement, in the words of the engine. */
export function placeholders(runner: QueryRunner, count: number): string[] {
  const isPostgres = runner.dataSource.options.type === 'postgres';
  return Array.from({ length: count }, (_, index) => (isPostgres ? `$${index + 1}` : '?'));
}
