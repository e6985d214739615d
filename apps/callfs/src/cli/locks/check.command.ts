import { Help, SubCommand } from 'nest-commander';
import { CommandEnd, EXIT } from '../exit-codes';
import { LocksRunner, type LocksOptions } from './locks-options';

@SubCommand({ name: 'check', description: 'whether the lock service answers, and whether anything in it needs a look' })
export class CheckLocksCommand extends LocksRunner {
  async run(_arguments: string[], options: LocksOptions): Promise<void> {
    const check = await this.atDesk(options, (desk) => desk.check());
    const { store, latency_ms, leases, stale, foreign } = check;
    if (options.json) process.stdout.write(`${JSON.stringify(check, null, 2)}\n`);
    else process.stdout.write(`${store} answers in ${latency_ms} ms: ${leases} locks, ${stale} stale, ${foreign} foreign\n`);
    if (stale + foreign === 0) return;
    if (!options.json) process.stderr.write('callfs: see "callfs locks list --stale"\n');
    throw new CommandEnd(EXIT.failed);
  }

  @Help('after')
  examples(): string {
    return `
Exit codes: 0 all is well, 1 there are stale or foreign locks, 4 the node or the lock service is unreachable.

Examples:
  callfs locks check
  callfs locks check --direct --config config.yaml --json`;
  }
}
