import type { INestApplicationContext } from '@nestjs/common';
import { CommandRunnerService } from 'nest-commander';
import type { Command } from 'commander';
import { endWithOutput } from './broken-output';
import { describeProgram } from './program-help';

/** The root of the commands, which nest-commander keeps to itself until they are run. */
export function programOf(app: INestApplicationContext): Command {
  return app.get<{ commander: Command }>(CommandRunnerService).commander;
}

/**
 * What every command has in common. nest-commander makes each of them on its own, so that they inherit nothing:
 * wrong usage must be thrown by all (it would end the process with 1, not 2), and no argument is silently ignored.
 */
export function prepareCommands(program: Command): void {
  program.name('callfs');
  describeProgram(program);
  endWithOutput(program);
  for (const command of withDescendants(program)) {
    const isGroup = command.commands.length > 0;
    command.exitOverride();
    command.allowExcessArguments(isGroup && command !== program);
    command.showHelpAfterError(`Run "${fullName(command)} --help" for how to use it.`);
    command.option('--no-color', 'plain text, also on a terminal');
    command.configureHelp({ sortSubcommands: false, showGlobalOptions: false });
  }
}

function withDescendants(command: Command): Command[] {
  return [command, ...command.commands.flatMap(withDescendants)];
}

/** `callfs config show`. */
function fullName(command: Command): string {
  return command.parent === null ? command.name() : `${fullName(command.parent)} ${command.name()}`;
}
