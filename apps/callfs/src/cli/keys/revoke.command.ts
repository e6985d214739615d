import { CommandRunner, Help, Option, SubCommand } from 'nest-commander';
import { digestKey, ISSUED_KEY_PREFIX, keyIdOf } from '@callfs/auth';
import type { RevocationView } from '../../http/access/key-view';
import { AdminClient } from '../admin-client';
import { CONFIG_OPTION, type ConfigOption } from '../config-option';
import { CommandEnd, EXIT } from '../exit-codes';

@SubCommand({ name: 'revoke', arguments: '<ids...>', description: 'end keys, on every node within a second' })
export class KeysRevokeCommand extends CommandRunner {
  async run(ids: string[], options: ConfigOption): Promise<void> {
    const client = AdminClient.for(options);
    const failed: unknown[] = [];
    for (const id of ids.map(idOf)) {
      try {
        const ended = await client.delete<RevocationView | undefined>(`/v1/admin/keys/${encodeURIComponent(id)}`);
        process.stdout.write(`${id}\n`);
        process.stderr.write(endedWith(ended));
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
The keys that were made with it, those made with them, and the links of all of these end with it ("callfs keys list"
shows the PARENT of a key). Uploads that are under way with a revoked key change nothing. Keys of the configuration end
by changing it; after that, revoking its id ends what was made with it.

Examples:
  callfs keys revoke 1a2b3c4d
  callfs keys revoke callfs_…          # the key itself, which is not sent
  callfs keys revoke $(callfs keys list --user alice --json | jq -r '.[].id')`;
  }
}

/** Of a key that was given itself, as whoever has found it would: it does not leave this machine. */
function idOf(given: string): string {
  return given.startsWith(ISSUED_KEY_PREFIX) ? keyIdOf(digestKey(given)) : given;
}

/** A line, if anything did. A server that is older than this program revokes the key and says nothing of others. */
function endedWith(ended: RevocationView | undefined): string {
  if (ended === undefined) return '';
  const { id, keys, links } = ended;
  const parts = [
    ...(keys.length > 0 ? [`${counted(keys.length, 'key')} made with it (${keys.join(', ')})`] : []),
    ...(links > 0 ? [counted(links, 'link')] : []),
  ];
  return parts.length === 0 ? '' : `callfs: with key ${id} ended ${parts.join(' and ')}\n`;
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}
