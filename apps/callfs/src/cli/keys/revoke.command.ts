import { CommandRunner, Help, Option, SubCommand } from 'nest-commander';
import { AdminClient } from '../admin-client';
import { CONFIG_OPTION, type ConfigOption } from '../config-option';
import { CommandEnd, EXIT } from '../exit-codes';

@SubCommand({ name: 'revoke', arguments: '<ids...>', description: 'end keys, on every node within a second' })
export class KeysRevokeCommand extends CommandRunner {
  async run(ids: string[], options: ConfigOption): Promise<void> {
    const client = AdminClient.for(options);
    const failed: unknown[] = [];
    for (const id of ids) {
      try {
        await client.delete(`/v1/admin/keys/${encodeURIComponent(id)}`);
        process.stdout.write(`${id}\n`);
      } catch (error) {
        if (ids.length === 1) throw error;
        failed.push(error);
        process.stderr.write(`callfs: ${id}: ${(error as Error).message}\n`);
      }
    }
    if (failed.length > 0) throw new CommandEnd(failed.length < ids.length ? EXIT.partly : EXIT.failed);
  }

  @Option(CONFIG_OPTION)
  config(file: string): string {
    return file;
  }

  @Help('after')
  examples(): string {
    return `
Uploads that are under way with a revoked key change nothing. Keys of the configuration end by changing it.

Examples:
  callfs keys revoke 1a2b3c4d
  callfs keys revoke $(callfs keys list --user alice --json | jq -r '.[].id')`;
  }
}
