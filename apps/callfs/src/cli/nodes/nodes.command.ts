import { Command } from 'nest-commander';
import { CommandGroup } from '../command-group';
import { ForgetNodeCommand } from './forget.command';
import { ListNodesCommand } from './list.command';

@Command({ name: 'nodes', description: 'the nodes of the cluster', subCommands: [ListNodesCommand, ForgetNodeCommand] })
export class NodesCommand extends CommandGroup {}
