import { existsSync, writeFileSync } from 'node:fs';
import { CommandRunner, Help, Option, SubCommand } from 'nest-commander';
import { EMBEDDED_DIRECTORY } from '../../config/embedded';
import { configTemplate } from './config-template';

interface InitOptions {
  readonly singleNode?: boolean;
  readonly cluster?: boolean;
  readonly output?: string;
}

@SubCommand({ name: 'init', description: 'print a commented configuration with fresh keys and secrets' })
export class InitCommand extends CommandRunner {
  async run(_arguments: string[], { singleNode, cluster, output }: InitOptions): Promise<void> {
    if (singleNode && cluster) this.command.error("error: options '--single-node' and '--cluster' exclude each other");
    const text = configTemplate(cluster ? 'cluster' : 'single-node');
    if (output === undefined) process.stdout.write(text);
    else {
      writeNew(output, text);
      process.stderr.write(`callfs: wrote ${output}. Check it with: callfs config validate --config ${output}\n`);
      if (!cluster && existsSync(EMBEDDED_DIRECTORY)) process.stderr.write(`${notTakenOver(output)}\n`);
    }
  }

  @Option({ flags: '--single-node', description: 'one node: SQLite, local locks, local disk (the default)' })
  singleNode(): boolean {
    return true;
  }

  @Option({ flags: '--cluster', description: 'one of several nodes: PostgreSQL, Redis' })
  cluster(): boolean {
    return true;
  }

  @Option({ flags: '-o, --output <file>', description: 'write to this new file, which only its owner may read' })
  output(file: string): string {
    return file;
  }

  @Help('after')
  examples(): string {
    return `
Every node of a cluster needs the same secrets: make one file, copy it, and give each node its own instance_id.

Examples:
  callfs config init --output config.yaml
  callfs config init --cluster > node-1.yaml`;
  }
}

/** For whoever began without a configuration, and would look for files and key in vain. */
function notTakenOver(output: string): string {
  return `callfs: ${output} begins with an empty tree and a new key. To go on with what is in ./${EMBEDDED_DIRECTORY}/, set in it:
  backend.localfs_root_path      the path of ${EMBEDDED_DIRECTORY}/storage
  metadata_store.sqlite_path     the path of ${EMBEDDED_DIRECTORY}/metadata.sqlite
  auth.api_keys and the secrets  those in ${EMBEDDED_DIRECTORY}/secrets.json`;
}

function writeNew(path: string, text: string): void {
  try {
    writeFileSync(path, text, { flag: 'wx', mode: 0o600 });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST')
      throw new Error(`${path} exists and is not overwritten. Remove it, or name another file.`, { cause: error });
    if (code === undefined) throw error;
    throw new Error(`${path} cannot be written (${code}). Name a file in a directory that you may write to.`, { cause: error });
  }
}
