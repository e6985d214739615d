import { Help, SubCommand } from 'nest-commander';
import { painterFor } from '../style';
import { lockTable } from './lock-table';
import { filterOf, LockFilterRunner, type LockFilterOptions } from './locks-options';

@SubCommand({ name: 'list', description: 'the locks of all nodes, the oldest first' })
export class ListLocksCommand extends LockFilterRunner {
  async run(_arguments: string[], options: LockFilterOptions): Promise<void> {
    const locks = await this.atDesk(options, (desk) => desk.list(filterOf(options)));
    if (options.json) process.stdout.write(`${JSON.stringify(locks, null, 2)}\n`);
    else if (locks.length > 0) process.stdout.write(lockTable(locks, painterFor(process.stdout, options)));
    else process.stderr.write('callfs: no such locks\n');
  }

  @Help('after')
  examples(): string {
    return `
A lock is stale when its holder is gone, foreign when CallFS did not write it.

Examples:
  callfs locks list
  callfs locks list --prefix /reports --older-than 10m
  callfs locks list --stale --json | jq -r .[].id
  callfs locks list --direct --config config.yaml`;
  }
}
