import { Command, Help, Option } from 'nest-commander';
import type { ConfigOption } from '../config-option';
import { ClientCommand, SERVER_HELP } from './client-command';
import { longLine } from './long-line';
import type { FileClient, RemoteEntry } from './file-client';
import { shown } from './progress';
import { remotePath } from './remote-path';
import { write } from './write-out';

interface LsOptions extends ConfigOption {
  readonly long?: boolean;
  readonly recursive?: boolean;
  readonly json?: boolean;
}

@Command({ name: 'ls', arguments: '[path]', description: 'list a directory of a running server' })
export class LsCommand extends ClientCommand<LsOptions> {
  protected async perform(client: FileClient, [path = '/']: readonly string[], options: LsOptions): Promise<void> {
    const start = remotePath(path);
    const stat = await client.stat(start);
    if (stat.type !== 'directory') return write(lineOf({ ...stat, name: start.toString() }, start.toString(), options));
    const skip = start.isRoot ? 1 : start.toString().length + 1;
    let before = '[';
    for await (const entry of client.list(start, { recursive: options.recursive })) {
      if (options.json) await write(`${before}\n${JSON.stringify(entry)}`);
      else await write(lineOf(entry, entry.path.slice(skip), options));
      before = ',';
    }
    if (options.json) await write(before === '[' ? '[]\n' : '\n]\n');
  }

  @Option({ flags: '-l, --long', description: 'type, mode, owner, group, size and time of each' })
  long(): boolean {
    return true;
  }

  @Option({ flags: '-R, --recursive', description: 'everything below, too' })
  recursive(): boolean {
    return true;
  }

  @Option({ flags: '--json', description: 'one JSON array of the entries as the API has them' })
  json(): boolean {
    return true;
  }

  @Help('after')
  examples(): string {
    return `
Directories end with "/". ${SERVER_HELP}

Examples:
  callfs ls
  callfs ls -l /docs
  callfs ls -R --json /docs | jq -r '.[] | select(.size > 1e6) | .path'`;
  }
}

function lineOf(entry: RemoteEntry, name: string, { long, json }: LsOptions): string {
  if (json) return `${JSON.stringify([entry])}\n`;
  if (long) return longLine(entry, name);
  return `${shown(name)}${entry.type === 'directory' ? '/' : ''}\n`;
}
