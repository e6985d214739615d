import { Command } from 'nest-commander';
import { CommandGroup } from '../command-group';
import { UsersAddCommand } from './add.command';
import { UsersListCommand } from './list.command';
import { UsersRemoveCommand } from './remove.command';

@Command({
  name: 'users',
  description: 'list, add and remove users of a running server',
  subCommands: [UsersListCommand, UsersAddCommand, UsersRemoveCommand],
})
export class UsersCommand extends CommandGroup {}

/** The group and what is in it. */
export const USERS_COMMANDS = [UsersCommand, UsersListCommand, UsersAddCommand, UsersRemoveCommand];
