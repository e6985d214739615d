import { CommandRunner, Help, Option, SubCommand } from 'nest-commander';
import { AdminClient } from '../admin-client';
import { CONFIG_OPTION, type ConfigOption } from '../config-option';

interface ForgetNodeOptions extends ConfigOption {
  readonly force?: boolean;
}

@SubCommand({ name: 'forget', arguments: '<node>', description: 'forget a node that is gone for good' })
export class ForgetNodeCommand extends CommandRunner {
  async run([node = '']: string[], options: ForgetNodeOptions): Promise<void> {
    const path = `/v1/admin/nodes/${encodeURIComponent(node)}`;
    const { blobs_lost: lost } = await AdminClient.for(options).delete<{ blobs_lost: number }>(path, { force: options.force });
    process.stdout.write(lost > 0 ? `forgot ${node}, and with it ${lost} blobs\n` : `forgot ${node}\n`);
  }

  @Option(CONFIG_OPTION)
  config(file: string): string {
    return file;
  }

  @Option({ flags: '--force', description: 'also when blobs are lost with it' })
  force(): boolean {
    return true;
  }

  @Help('after')
  examples(): string {
    return `
Refused for a node that lives, and without --force for one whose disk alone has blobs.

Examples:
  callfs nodes forget node-3
  callfs nodes forget node-3 --force`;
  }
}
