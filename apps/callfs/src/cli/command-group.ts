import { CommandRunner } from 'nest-commander';

/** A command that only holds others: without one of them it is wrong usage, answered with their list. */
export abstract class CommandGroup extends CommandRunner {
  async run([unknown]: string[]): Promise<void> {
    if (unknown === undefined) this.command.help({ error: true });
    const names = this.command.commands.map((command) => command.name());
    this.command.error(`error: unknown command '${unknown}'; expected one of ${names.join(', ')}`);
  }
}
