import { Command } from 'nest-commander';
import { CommandGroup } from '../command-group';
import { ExpireUploadsCommand } from './expire.command';
import { ListUploadsCommand } from './list.command';

@Command({
  name: 'uploads',
  description: 'look at uploads in parts, and end those that nobody goes on with',
  subCommands: [ListUploadsCommand, ExpireUploadsCommand],
})
export class UploadsCommand extends CommandGroup {}
