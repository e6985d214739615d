import { readFileSync } from 'node:fs';
import { InvalidArgumentError } from 'commander';
import { Command, CommandRunner, Help, Option } from 'nest-commander';
import { AdminClient } from '../admin-client';
import { CONFIG_OPTION, type ConfigOption } from '../config-option';
import { parseDurationOption } from '../duration-option';
import { CommandFailure, EXIT } from '../exit-codes';
import { SERVER_HELP } from './client-command';
import { remotePath } from './remote-path';

const HOUR_MS = 3_600_000;

interface LinkOptions extends ConfigOption {
  readonly expires?: number;
  readonly uses?: number;
  readonly filename?: string;
  readonly passwordFile?: string;
  readonly allow?: readonly string[];
  readonly json?: boolean;
}

@Command({ name: 'link', arguments: '<path>', description: 'make a link by which a file is downloaded without a key' })
export class LinkCommand extends CommandRunner {
  async run([path = '']: string[], options: LinkOptions): Promise<void> {
    const { expires = HOUR_MS, uses, filename, passwordFile, allow, json } = options;
    const made = await AdminClient.for(options).post<{ url: string }>('/v1/links/generate', {
      path: remotePath(path).toString(),
      expiry_seconds: Math.ceil(expires / 1000),
      max_uses: uses,
      filename,
      password: passwordFile === undefined ? undefined : readPassword(passwordFile),
      allow_cidrs: allow,
    });
    process.stdout.write(`${json ? JSON.stringify(made) : made.url}\n`);
  }

  @Option({ flags: '-e, --expires <duration>', description: 'how long it works, at most 168h (default: 1h)' })
  expires(text: string): number {
    return parseDurationOption(text);
  }

  @Option({ flags: '-u, --uses <count>', description: 'how many downloads it is good for (default: 1)' })
  uses(text: string): number {
    if (!/^[1-9]\d{0,6}$/.test(text)) throw new InvalidArgumentError('Expected a number of downloads such as 3.');
    return Number(text);
  }

  @Option({ flags: '--filename <name>', description: 'the name under which it is saved' })
  filename(text: string): string {
    return text;
  }

  @Option({ flags: '--password-file <file>', description: 'ask for the password in the first line of this file ("-": stdin)' })
  passwordFile(file: string): string {
    return file;
  }

  @Option({ flags: '--allow <network>', description: 'only from this address or network; may be given again' })
  allow(network: string, before: readonly string[] = []): readonly string[] {
    return [...before, network];
  }

  @Option({ flags: '--json', description: 'the answer of the server as JSON' })
  json(): boolean {
    return true;
  }

  @Option(CONFIG_OPTION)
  config(file: string): string {
    return file;
  }

  @Help('after')
  examples(): string {
    return `
${SERVER_HELP}
The link is told once. Whoever has it has the file.

Examples:
  callfs link /reports/2026.pdf
  callfs link --expires 24h --uses 3 --filename report.pdf /reports/2026.pdf
  callfs link --password-file - --allow 10.0.0.0/8 /reports/2026.pdf`;
  }
}

/** Not an argument: every user of the machine sees those. */
function readPassword(file: string): string {
  try {
    const [line = ''] = readFileSync(file === '-' ? 0 : file, 'utf8').split(/\r?\n/);
    return line;
  } catch (cause) {
    throw new CommandFailure(`the password cannot be read from ${file}.`, EXIT.failed, { cause });
  }
}
