import { CommandRunner, Help, Option, SubCommand } from 'nest-commander';
import { ConfigError } from '../../config/config-error';
import { loadConfig, type LoadedConfig } from '../../config/load-config';
import { describeProblem, type ConfigProblem } from '../../config/problem';
import { CONFIG_OPTION, type ConfigOption } from '../config-option';
import { CommandEnd, EXIT } from '../exit-codes';
import { painterFor } from '../style';
import type { CheckResult } from './checks/check';

interface ValidateOptions extends ConfigOption {
  readonly checkConnections?: boolean;
  readonly json?: boolean;
  readonly color?: boolean;
}

interface Report {
  readonly valid: boolean;
  readonly file: string | null;
  readonly problems: readonly ConfigProblem[];
  readonly warnings: readonly ConfigProblem[];
  readonly checks: readonly CheckResult[];
}

@SubCommand({ name: 'validate', description: 'tell everything that is wrong with a configuration' })
export class ValidateCommand extends CommandRunner {
  async run(_arguments: string[], options: ValidateOptions): Promise<void> {
    const report = await this.judge(options);
    if (options.json) process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
    else print(report, options);
    const exitCode = exitCodeOf(report);
    if (exitCode !== EXIT.done) throw new CommandEnd(exitCode);
  }

  private async judge(options: ValidateOptions): Promise<Report> {
    const loaded = loadOrProblems(options);
    if ('problems' in loaded)
      return { valid: false, file: options.config ?? null, problems: loaded.problems, warnings: [], checks: [] };
    const { config, warnings } = loaded;
    // Loaded only when wanted: it brings the drivers.
    const checks = options.checkConnections ? await (await import('./checks/run-checks.js')).runChecks(config) : [];
    return { valid: true, file: config.file ?? null, problems: [], warnings, checks };
  }

  @Option(CONFIG_OPTION)
  config(file: string): string {
    return file;
  }

  @Option({
    flags: '--check-connections',
    description: 'also try what the server would open: address, certificate, stores, locks',
  })
  checkConnections(): boolean {
    return true;
  }

  @Option({ flags: '--json', description: 'one JSON object: {valid, file, problems, warnings, checks}' })
  json(): boolean {
    return true;
  }

  @Help('after')
  examples(): string {
    return `
Exit codes: 0 valid, 1 not valid or a check failed, 4 valid but a service is unreachable.

Examples:
  callfs config validate
  callfs config validate --config /etc/callfs/config.yaml --check-connections
  callfs config validate --json | jq .problems`;
  }
}

function loadOrProblems(options: ValidateOptions): LoadedConfig | { problems: readonly ConfigProblem[] } {
  try {
    return loadConfig({ file: options.config, cwd: process.cwd(), env: process.env, keepSecrets: false });
  } catch (error) {
    if (error instanceof ConfigError) return { problems: error.problems };
    throw error;
  }
}

function exitCodeOf({ valid, checks }: Report): number {
  const failed = checks.filter((check) => check.state !== 'ok' && check.state !== 'warning');
  if (!valid || failed.some(({ state }) => state === 'failed')) return EXIT.failed;
  return failed.length > 0 ? EXIT.unreachable : EXIT.done;
}

function print({ valid, file, problems, warnings, checks }: Report, options: ValidateOptions): void {
  const paint = painterFor(process.stderr, options);
  for (const problem of problems) process.stderr.write(`${paint('red', 'error')}: ${describeProblem(problem)}\n`);
  for (const warning of warnings) process.stderr.write(`${paint('yellow', 'warning')}: ${describeProblem(warning)}\n`);
  if (!valid) {
    process.stderr.write(
      `callfs: the configuration has ${problems.length === 1 ? 'a problem' : `${problems.length} problems`}\n`,
    );
    return;
  }
  const onStdout = painterFor(process.stdout, options);
  const style = { ok: 'green', warning: 'yellow', failed: 'red', unreachable: 'red' } as const;
  const width = Math.max(0, ...checks.map(({ check }) => check.length));
  for (const { check, state, saw } of checks)
    process.stdout.write(`${check.padEnd(width)}  ${onStdout(style[state], state)}  ${saw}\n`);
  process.stdout.write(`${file ?? 'The embedded configuration'} is valid\n`);
}
