import { CommandRunner, Help, Option, SubCommand } from 'nest-commander';
import type { NodeView } from '../../http/admin/node-view';
import { AdminClient } from '../admin-client';
import { CONFIG_OPTION, type ConfigOption } from '../config-option';

interface ListNodesOptions extends ConfigOption {
  readonly json?: boolean;
}

@SubCommand({ name: 'list', description: 'the nodes that have registered, by name' })
export class ListNodesCommand extends CommandRunner {
  async run(_arguments: string[], options: ListNodesOptions): Promise<void> {
    const { items } = await AdminClient.for(options).get<{ items: NodeView[] }>('/v1/admin/nodes');
    process.stdout.write(options.json ? `${JSON.stringify(items, null, 2)}\n` : table(items));
  }

  @Option(CONFIG_OPTION)
  config(file: string): string {
    return file;
  }

  @Option({ flags: '--json', description: 'print JSON' })
  json(): boolean {
    return true;
  }

  @Help('after')
  examples(): string {
    return `
alive: its heartbeat changes; silent: it has not for 15 s; stopped: it said goodbye.

Examples:
  callfs nodes list
  CALLFS_URL=https://node-1:8443 CALLFS_API_KEY=… callfs nodes list --json`;
  }
}

function table(nodes: readonly NodeView[]): string {
  const rows = [
    ['NODE', 'STATE', 'ENDPOINT', 'VERSION', 'STARTED'],
    ...nodes.map((node) => [node.instance_id, node.state, node.endpoint, node.version, node.started_at]),
  ];
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  return rows
    .map(
      (row) =>
        `${row
          .map((cell, column) => cell.padEnd(widths[column] ?? 0))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('');
}
