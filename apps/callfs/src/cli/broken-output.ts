import type { Command } from 'commander';
import { EXIT, reportFailure } from './exit-codes';

/**
 * Ends a command whose output cannot be written any more: without a word when its reader has had enough of it (`callfs
 * ls | head`), with the reason when the disk is full. A server goes on; its output is a log.
 */
export function endWithOutput(program: Command): void {
  let serves = false;
  program.hook('preAction', (_, command) => {
    serves = command.name() === 'server';
  });
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (serves) return;
    if (error.code !== 'EPIPE') reportFailure(error);
    process.exit(EXIT.failed);
  });
}
