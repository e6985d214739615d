import { InvalidArgumentError } from 'commander';
import { Command, CommandRunner, Help, Option } from 'nest-commander';
import type { GarbageEvent } from '../../use-cases/upkeep/garbage.service';
import { AdminClient } from '../admin-client';
import { byteSize } from '../byte-size';
import { CONFIG_OPTION, type ConfigOption } from '../config-option';
import { CommandEnd, EXIT } from '../exit-codes';
import { OFFLINE_OPTION, withOfflineNode } from './with-offline-node';

interface GcOptions extends ConfigOption {
  readonly yes?: boolean;
  readonly adopt?: string;
  readonly json?: boolean;
  readonly offline?: boolean;
}

@Command({ name: 'gc', description: 'tell what nothing refers to any more, and free it with --yes' })
export class GcCommand extends CommandRunner {
  async run(_arguments: string[], options: GcOptions): Promise<void> {
    let failed = false;
    for await (const event of this.events(options)) {
      if (event.event === 'failed') failed = true;
      if (options.json) process.stdout.write(`${JSON.stringify(event)}\n`);
      else print(event);
    }
    if (failed) throw new CommandEnd(EXIT.partly);
  }

  private events(options: GcOptions): AsyncIterable<GarbageEvent> {
    const remove = options.yes === true;
    const { adopt } = options;
    if (options.offline) return withOfflineNode(options, ({ garbage }) => garbage.run({ remove, adopt }));
    return AdminClient.for(options).events(remove ? 'POST' : 'GET', '/v1/admin/gc', { adopt });
  }

  @Option({ flags: '-y, --yes', description: 'do it' })
  yes(): boolean {
    return true;
  }

  @Option({
    flags: '--adopt <backend>',
    description: "make localfs or s3 this metadata store's alone, when another that has blobs there is gone for good",
  })
  adopt(backend: string): string {
    if (backend !== 'localfs' && backend !== 's3') throw new InvalidArgumentError('Expected localfs or s3.');
    return backend;
  }

  @Option({ flags: '--json', description: 'one JSON object a line, the last one the summary' })
  json(): boolean {
    return true;
  }

  @Option(OFFLINE_OPTION)
  offline(): boolean {
    return true;
  }

  @Option(CONFIG_OPTION)
  config(file: string): string {
    return file;
  }

  @Help('after')
  examples(): string {
    return `
A running server does all this by itself, a little later. What is younger than its grace (storage.collect_grace,
storage.orphan_grace) stays. Each node has its own blobs: ask each (CALLFS_URL).
Where another metadata store has blobs as well, none is removed for being unknown to this one. --adopt is for when that store is gone
for good: it shows what belongs to nothing then, and removes it with --yes. Files of the other that somebody still wants are lost.
Exit codes: 0 done, 3 a backend could not be asked, or another store has blobs there, 4 no server answers.

Examples:
  callfs gc
  callfs gc --yes
  callfs gc --adopt s3
  callfs gc --json | jq 'select(.event == "blob")'
  callfs gc --offline --config /etc/callfs/config.yaml`;
  }
}

function print(event: GarbageEvent): void {
  if (event.event === 'failed') process.stderr.write(`callfs: ${event.backend}: ${event.message}\n`);
  else if (event.event === 'blob')
    process.stdout.write(`${event.reason.padEnd(12)}  ${event.backend}  ${event.key}  ${byteSize(event.bytes)}\n`);
  else if (event.event === 'claim') {
    const { backend, others, claimed } = event;
    const whose = others.length === 0 ? 'claimed by nobody' : `shared with the metadata store ${others.join(', ')}`;
    process.stdout.write(`${backend}, ${whose}, ${claimed ? 'is' : 'would be, with --yes,'} this metadata store's alone\n`);
  } else if (event.event === 'summary') {
    const { removed, trees, blobs, bytes, waiting } = event;
    process.stdout.write(`${removed ? 'freed' : 'to be freed'}: ${blobs} blobs, ${byteSize(bytes)}; ${trees} removed trees\n`);
    if (waiting > 0) process.stdout.write(`${waiting} more blobs wait for the end of their grace\n`);
    if (!removed && blobs + trees > 0) process.stdout.write('nothing was changed; run it again with --yes\n');
  }
}
