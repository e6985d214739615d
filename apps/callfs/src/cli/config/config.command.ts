import { Command } from 'nest-commander';
import { CommandGroup } from '../command-group';
import { InitCommand } from './init.command';
import { ShowCommand } from './show.command';
import { ValidateCommand } from './validate.command';

@Command({
  name: 'config',
  description: 'check, show or make a configuration',
  subCommands: [ValidateCommand, ShowCommand, InitCommand],
})
export class ConfigCommand extends CommandGroup {}
