import { Module } from '@nestjs/common';
import { ConfigCommand } from './config/config.command';
import { InitCommand } from './config/init.command';
import { ShowCommand } from './config/show.command';
import { ValidateCommand } from './config/validate.command';
import { ServerCommand } from './server/server.command';
import { SelfSignedCommand } from './tls/self-signed.command';
import { TlsCommand } from './tls/tls.command';

/** The commands; each is a file of its own. */
@Module({
  providers: [ServerCommand, ConfigCommand, ValidateCommand, ShowCommand, InitCommand, TlsCommand, SelfSignedCommand],
})
export class CliModule {}
