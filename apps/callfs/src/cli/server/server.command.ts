import { Command, CommandRunner, Help, Option } from 'nest-commander';
import { loadConfig, type LoadedConfig } from '../../config/load-config';
import { describeProblem } from '../../config/problem';
import { waitForDependencies } from '../../config/startup/wait-for-dependencies';
import type { RunningServer } from '../../main';
import { collectEarly } from '../../memory/heap-growth';
import { CONFIG_OPTION, type ConfigOption } from '../config-option';
import { parseDurationOption } from '../duration-option';
import { EXIT } from '../exit-codes';
import { greeting } from './greeting';
import { StopSignals } from './stop-signals';
import { startExplained } from './start-explained';

/** A stop that takes no longer explains itself. */
const TELL_AFTER_MS = 500;

interface ServerOptions extends ConfigOption {
  readonly waitForDependencies?: number;
}

@Command({ name: 'server', description: 'run a node until SIGTERM or SIGINT' })
export class ServerCommand extends CommandRunner {
  async run(_arguments: string[], options: ServerOptions): Promise<void> {
    collectEarly();
    // They may be files on a full disk, or pipes that nobody reads any more: no reason to end.
    for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
    const loaded = loadConfig({ file: options.config, cwd: process.cwd(), env: process.env });
    for (const warning of loaded.warnings) say(`warning: ${describeProblem(warning)}`);
    const stop = new StopSignals(() => process.exit(EXIT.failed));
    const server = await this.start(loaded, options, stop);
    process.on('SIGHUP', () => void server.reload());
    if (loaded.embedded) process.stdout.write(greeting(server.url, loaded.embedded));
    say(`listening on ${server.url}`);
    await stop.first;
    const { shutdownGraceMs } = loaded.config.server;
    const told = setTimeout(() => say(stillStopping(shutdownGraceMs)), TELL_AFTER_MS);
    await server.close();
    clearTimeout(told);
    process.exit(EXIT.done);
  }

  private start(loaded: LoadedConfig, options: ServerOptions, stop: StopSignals): Promise<RunningServer> {
    return waitForDependencies(() => startExplained(loaded.config, say), {
      forMs: options.waitForDependencies ?? 0,
      onRetry: (failure) => say(`waiting: ${failure.message}`),
      signal: stop.signal,
    });
  }

  @Option(CONFIG_OPTION)
  config(file: string): string {
    return file;
  }

  @Option({
    flags: '-w, --wait-for-dependencies <duration>',
    description: 'how long to try again while PostgreSQL, Redis or S3 cannot be reached',
  })
  waitForDependencies(text: string): number {
    return parseDurationOption(text);
  }

  @Help('after')
  examples(): string {
    return `
SIGTERM and SIGINT stop it gracefully, a second one at once. SIGHUP takes up a renewed certificate.

Examples:
  callfs server
  callfs server --config /etc/callfs/config.yaml
  CALLFS_LOG_LEVEL=debug callfs server --config /etc/callfs/config.yaml --wait-for-dependencies 30s`;
  }
}

function stillStopping(graceMs: number): string {
  return `stopping; requests under way have up to ${graceMs / 1000} s to end. Another signal (Ctrl-C) ends them at once.`;
}

/** On stderr: stdout has the log, which may be one JSON object a line. */
function say(line: string): void {
  process.stderr.write(`callfs: ${line}\n`);
}
