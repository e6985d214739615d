import { CommandEnd, EXIT, exitCodeOf } from '../exit-codes';
import { printable } from './progress';

/** Counts what a command on many things has done and not done, and says each failure on stderr. */
export class Tally {
  private done = 0;
  private readonly failures: unknown[] = [];

  constructor(private readonly beforeSaying: () => void = () => undefined) {}

  /** Does one of the things. */
  attempt(what: string, work: () => Promise<unknown>): Promise<void> {
    return this.guard(what, async () => {
      await work();
      this.done++;
    });
  }

  /** Does several of them, which the work counts itself. */
  async guard(what: string, work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.failed(what, error);
    }
  }

  get failureCount(): number {
    return this.failures.length;
  }

  succeeded(count: number): void {
    this.done += count;
  }

  failed(what: string, error: unknown): void {
    this.beforeSaying();
    process.stderr.write(`callfs: ${printable(`${what}: ${error instanceof Error ? error.message : String(error)}`)}\n`);
    this.failures.push(error);
  }

  /** Ends the command with 3 when some of it failed; when all of it did, with what the first failure says. */
  finish(): void {
    if (this.failures.length === 0) return;
    throw new CommandEnd(this.done > 0 ? EXIT.partly : exitCodeOf(this.failures[0]));
  }
}
