import { CommandRunner, Option } from 'nest-commander';
import { CONFIG_OPTION, type ConfigOption } from '../config-option';
import { FileClient } from './file-client';

/** What every help text of a client says of the server. */
export const SERVER_HELP =
  'The server is that of CALLFS_URL and CALLFS_API_KEY (or CALLFS_API_KEY_FILE), or else the one that the configuration describes.';

/** A command that is a client of a running server. */
export abstract class ClientCommand<Options extends ConfigOption = ConfigOption> extends CommandRunner {
  /** Two, where the last of the paths is the destination. */
  protected readonly fewest: number = 0;

  async run(parameters: string[], options: Options): Promise<void> {
    if (parameters.length < this.fewest) this.command.error('error: expected <source...> <destination>');
    const client = FileClient.for(options);
    try {
      await this.perform(client, parameters, options);
    } finally {
      client.close();
    }
  }

  protected abstract perform(client: FileClient, parameters: readonly string[], options: Options): Promise<void>;

  @Option(CONFIG_OPTION)
  config(file: string): string {
    return file;
  }
}
