import { Help, SubCommand } from 'nest-commander';
import { CommandFailure, EXIT } from '../exit-codes';
import { plain } from './lock-table';
import { LocksRunner, type LocksOptions } from './locks-options';

@SubCommand({
  name: 'show',
  arguments: '<id-or-path>',
  description: 'everything about one lock, by its id or a path that it is on',
})
export class ShowLockCommand extends LocksRunner {
  async run([wanted = '']: string[], options: LocksOptions): Promise<void> {
    const locks = await this.atDesk(options, (desk) => desk.list({}));
    const found = locks.filter(({ id, paths }) => id === wanted || paths.includes(wanted));
    if (found.length === 0) throw new CommandFailure(`there is no lock ${plain(wanted)}`, EXIT.failed);
    if (options.json) process.stdout.write(`${JSON.stringify(found, null, 2)}\n`);
    else for (const lock of found) process.stdout.write(described(lock));
  }

  @Help('after')
  examples(): string {
    return `
Examples:
  callfs locks show /reports/2026.csv
  callfs locks show 8d0c6c1e-6f5f-4f5c-9a51-5d9c6f3a6a55.3f --json`;
  }
}

/** One field a line. */
function described(lock: object): string {
  const width = Math.max(...Object.keys(lock).map((name) => name.length));
  return Object.entries(lock)
    .map(([name, value]) => `${name.padEnd(width)}  ${plain(typeof value === 'string' ? value : JSON.stringify(value))}\n`)
    .join('');
}
