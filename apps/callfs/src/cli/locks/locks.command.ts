import { Command } from 'nest-commander';
import { CommandGroup } from '../command-group';
import { CheckLocksCommand } from './check.command';
import { ClearLocksCommand } from './clear.command';
import { ListLocksCommand } from './list.command';
import { ShowLockCommand } from './show.command';

@Command({
  name: 'locks',
  description: 'look at locks, and clear those that are left over',
  subCommands: [ListLocksCommand, ShowLockCommand, ClearLocksCommand, CheckLocksCommand],
})
export class LocksCommand extends CommandGroup {}
