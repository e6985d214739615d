import { Command, CommandRunner, Help, Option } from 'nest-commander';
import type { CheckFailed, FsckEvent, FsckSummary } from '../../use-cases/upkeep/fsck.service';
import { AdminClient } from '../admin-client';
import { CONFIG_OPTION, type ConfigOption } from '../config-option';
import { CommandEnd, CommandFailure, EXIT } from '../exit-codes';
import { painterFor, type Paint } from '../style';
import { findingText } from './finding-text';
import { OFFLINE_OPTION, withOfflineNode } from './with-offline-node';

interface FsckOptions extends ConfigOption {
  readonly repair?: boolean;
  readonly verifyContent?: boolean;
  readonly json?: boolean;
  readonly offline?: boolean;
  readonly color?: boolean;
}

@Command({ name: 'fsck', description: 'look for damage in the metadata and the blobs, and mend it with --repair' })
export class FsckCommand extends CommandRunner {
  async run(_arguments: string[], options: FsckOptions): Promise<void> {
    const paint = painterFor(process.stdout, options);
    let summary: FsckSummary | undefined;
    for await (const event of this.events(options)) {
      if (event.event === 'summary') summary = event;
      if (options.json) process.stdout.write(`${JSON.stringify(event)}\n`);
      else print(event, options, paint);
    }
    if (!summary) throw new CommandFailure('the check was cut short; try again.', EXIT.failed);
    if (summary.remaining > 0) throw new CommandEnd(EXIT.failed);
    if (!summary.complete) throw new CommandEnd(EXIT.partly);
  }

  private events(options: FsckOptions): AsyncIterable<FsckEvent> {
    const repair = options.repair === true;
    const verifyContent = options.verifyContent === true;
    if (options.offline) return withOfflineNode(options, ({ fsck }) => fsck.run({ repair, verifyContent, scope: 'all' }));
    const query = { verify_content: verifyContent };
    return AdminClient.for(options).events(repair ? 'POST' : 'GET', '/v1/admin/fsck', query);
  }

  @Option({ flags: '--repair', description: 'mend what can be mended without losing anything' })
  repair(): boolean {
    return true;
  }

  @Option({ flags: '--verify-content', description: 'read every byte and compare it with what was committed' })
  verifyContent(): boolean {
    return true;
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
A running server goes on meanwhile, and so do the other nodes, each of which looks at its own blobs. Without --repair nothing
is changed. What has lost its name comes to /lost+found; a missing or damaged blob is replaced from another copy, on whatever
node or in S3, and without one it is reported and kept.
Exit codes: 0 nothing is wrong (any more), 1 something is, 3 something, or a node, could not be asked, 4 no server answers.

Examples:
  callfs fsck
  callfs fsck --verify-content
  callfs fsck --repair
  callfs fsck --json | jq 'select(.event == "finding")'
  callfs fsck --offline --config /etc/callfs/config.yaml`;
  }
}

function print(event: FsckEvent, { repair }: FsckOptions, paint: Paint): void {
  if (event.event === 'failed') process.stderr.write(`callfs: ${placeOf(event)}: ${event.message}\n`);
  else if (event.event === 'finding') process.stdout.write(`${findingText(event, paint)}\n`);
  else if (event.event === 'summary') {
    const { findings, repaired, remaining, blobs, elsewhere, complete } = event;
    if (findings === 0)
      process.stdout.write(`${complete ? 'nothing is wrong' : 'nothing was found'}; ${blobs} blobs were looked at\n`);
    else process.stdout.write(`${findings} findings, ${repaired} repaired, ${remaining} remain; ${blobs} blobs were looked at\n`);
    if (elsewhere > 0) process.stdout.write(`${elsewhere} blobs were not looked at: they are on other nodes\n`);
    if (remaining > 0 && !repair) process.stdout.write('nothing was changed; --repair mends what can be mended\n');
  }
}

function placeOf({ backend, instance_id: node }: CheckFailed): string {
  if (backend === 'all') return node === '' ? 'shared backends' : node;
  return node === '' ? backend : `${backend} of ${node}`;
}
