import { Command, Help, Option } from 'nest-commander';
import type { ConfigOption } from '../config-option';
import { ClientCommand, SERVER_HELP } from './client-command';
import type { FileClient, RemoteStat } from './file-client';
import { shown } from './progress';
import { remotePath } from './remote-path';
import { Tally } from './tally';
import { write } from './write-out';

interface StatOptions extends ConfigOption {
  readonly follow?: boolean;
  readonly json?: boolean;
}

@Command({ name: 'stat', arguments: '<paths...>', description: 'show what is known of files and directories' })
export class StatCommand extends ClientCommand<StatOptions> {
  protected async perform(client: FileClient, paths: readonly string[], { follow, json }: StatOptions): Promise<void> {
    const tally = new Tally();
    const found: RemoteStat[] = [];
    for (const path of paths) {
      await tally.attempt(path, async () => {
        const stat = await client.stat(remotePath(path), { follow });
        found.push(stat);
        if (!json) await write(asText(stat));
      });
    }
    if (json) await write(`${JSON.stringify(found, null, 2)}\n`);
    tally.finish();
  }

  @Option({ flags: '--no-follow', description: 'of a symbolic link itself, not of what it leads to', defaultValue: true })
  follow(): boolean {
    return false;
  }

  @Option({ flags: '--json', description: 'one JSON array' })
  json(): boolean {
    return true;
  }

  @Help('after')
  examples(): string {
    return `
${SERVER_HELP}

Examples:
  callfs stat /docs/report.pdf
  callfs stat --json /docs /photos | jq '.[].mode'`;
  }
}

function asText({ path, target, ...known }: RemoteStat): string {
  const { type, size, mode, owner, uid, group, gid, mtime, etag, contentType, backend, instance } = known;
  const rows: [string, string | number | undefined][] = [
    ['path', shown(path)],
    ['type', type],
    ['target', target === undefined ? undefined : shown(target)],
    ['size', size],
    ['mode', mode],
    ['owner', `${owner} (${uid})`],
    ['group', `${group} (${gid})`],
    ['mtime', mtime],
    ['etag', etag],
    ['content type', contentType],
    ['kept by', `${backend} on ${instance}`],
  ];
  const lines = rows.flatMap(([name, value]) => (value === undefined ? [] : [`${name.padEnd(13)} ${value}\n`]));
  return lines.join('');
}
