import { Module } from '@nestjs/common';
import { ServerCommand } from './server.command';

/** The commands; each is a file of its own. */
@Module({ providers: [ServerCommand] })
export class CliModule {}
