import { InvalidArgumentError } from 'commander';
import { CommandRunner, Option } from 'nest-commander';
import type { UploadView } from '../../http/admin/upload-view';
import type { AdminClient } from '../admin-client';
import { CONFIG_OPTION, type ConfigOption } from '../config-option';
import { parseDurationOption } from '../duration-option';

export interface UploadFilterOptions extends ConfigOption {
  readonly user?: string;
  readonly prefix?: string;
  readonly idle?: number;
  readonly json?: boolean;
  readonly color?: boolean;
}

/** What `list` and `expire` have in common: how uploads are chosen, and how they answer. */
export abstract class UploadFilterRunner extends CommandRunner {
  @Option({ flags: '--user <name>', description: 'of this user' })
  user(name: string): string {
    if (name === '') throw new InvalidArgumentError('Expected a value.');
    return name;
  }

  @Option({
    flags: '--prefix <path>',
    description: 'that become a file at this path or below it: /a has /a/b, not /ab; / has all',
  })
  prefix(path: string): string {
    if (!path.startsWith('/')) throw new InvalidArgumentError('Expected an absolute path such as /a/b; / stands for all.');
    return path;
  }

  @Option({ flags: '--idle <duration>', description: 'to which no byte came for longer than this: 30m, 12h' })
  idle(text: string): number {
    return parseDurationOption(text);
  }

  @Option({ flags: '--json', description: 'JSON instead of text' })
  json(): boolean {
    return true;
  }

  @Option(CONFIG_OPTION)
  config(file: string): string {
    return file;
  }

  protected async chosen(client: AdminClient, { user, prefix, idle }: UploadFilterOptions): Promise<readonly UploadView[]> {
    const query = { user, prefix, idle: idle === undefined ? undefined : `${idle}ms` };
    return (await client.get<{ items: readonly UploadView[] }>('/v1/admin/uploads', query)).items;
  }
}
