import { Command } from 'nest-commander';
import { CommandGroup } from '../command-group';
import { KeysCreateCommand } from './create.command';
import { KeysListCommand } from './list.command';
import { KeysRevokeCommand } from './revoke.command';

@Command({
  name: 'keys',
  description: 'issue, list and revoke API keys of a running server',
  subCommands: [KeysCreateCommand, KeysListCommand, KeysRevokeCommand],
})
export class KeysCommand extends CommandGroup {}

/** The group and what is in it. */
export const KEYS_COMMANDS = [KeysCommand, KeysCreateCommand, KeysListCommand, KeysRevokeCommand];
