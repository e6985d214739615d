import { CommandRunner, Help, Option, SubCommand } from 'nest-commander';
import { loadConfig, type Setting } from '../../config/load-config';
import { describePlace } from '../../config/problem';
import { CONFIG_OPTION, type ConfigOption } from '../config-option';
import { painterFor, type Paint } from '../style';

interface ShowOptions extends ConfigOption {
  readonly json?: boolean;
  readonly color?: boolean;
}

@SubCommand({ name: 'show', description: 'print every key with its value and where that came from; secrets as ***' })
export class ShowCommand extends CommandRunner {
  async run(_arguments: string[], options: ShowOptions): Promise<void> {
    const { settings } = loadConfig({ file: options.config, cwd: process.cwd(), env: process.env, keepSecrets: false });
    const text = options.json ? asJson(settings) : asTable(settings, painterFor(process.stdout, options));
    process.stdout.write(text);
  }

  @Option(CONFIG_OPTION)
  config(file: string): string {
    return file;
  }

  @Option({ flags: '--json', description: 'one JSON array of {key, value, source}' })
  json(): boolean {
    return true;
  }

  @Help('after')
  examples(): string {
    return `
Examples:
  callfs config show --config config.yaml
  CALLFS_LOG_LEVEL=warn callfs config show --config config.yaml | grep log
  callfs config show --json | jq '.[] | select(.source.kind != "default")'`;
  }
}

function asTable(settings: readonly Setting[], paint: Paint): string {
  const rows = settings.map(({ key, value, place }) => ({
    key,
    value: asText(value),
    source: describePlace(place) || place.kind,
  }));
  const width = (name: 'key' | 'value') => Math.min(60, Math.max(...rows.map((row) => row[name].length)));
  const [keyWidth, valueWidth] = [width('key'), width('value')];
  return rows
    .map(
      ({ key, value, source }) =>
        `${paint('bold', key.padEnd(keyWidth))}  ${value.padEnd(valueWidth)}  ${paint('dim', source)}\n`,
    )
    .join('');
}

function asText(value: unknown): string {
  if (value === undefined) return '-';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function asJson(settings: readonly Setting[]): string {
  const rows = settings.map(({ key, value, place }) => ({ key, value: value ?? null, source: place }));
  return `${JSON.stringify(rows, null, 2)}\n`;
}
