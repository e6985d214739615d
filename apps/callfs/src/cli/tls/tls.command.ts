import { Command } from 'nest-commander';
import { CommandGroup } from '../command-group';
import { SelfSignedCommand } from './self-signed.command';

@Command({ name: 'tls', description: 'make certificates', subCommands: [SelfSignedCommand] })
export class TlsCommand extends CommandGroup {}
