import { Command, Help } from 'nest-commander';
import { ClientCommand, SERVER_HELP } from './client-command';
import type { FileClient } from './file-client';
import { remotePath } from './remote-path';
import { Tally } from './tally';
import { verifiedDownload } from './verified-download';
import { write } from './write-out';

@Command({ name: 'cat', arguments: '<paths...>', description: 'write files of a running server to standard output' })
export class CatCommand extends ClientCommand {
  protected async perform(client: FileClient, paths: readonly string[]): Promise<void> {
    const tally = new Tally();
    for (const path of paths) await tally.attempt(path, () => print(client, path));
    tally.finish();
  }

  @Help('after')
  examples(): string {
    return `
What comes is compared with the file's digest: when that is wrong, the command fails. ${SERVER_HELP}

Examples:
  callfs cat /logs/today.txt | grep error
  callfs cat part1 part2 > whole`;
  }
}

async function print(client: FileClient, path: string): Promise<void> {
  for await (const chunk of await verifiedDownload(client, remotePath(path))) await write(chunk as Buffer);
}
