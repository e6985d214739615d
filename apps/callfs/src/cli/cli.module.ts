import { Module } from '@nestjs/common';
import { AuditCommand } from './audit/audit.command';
import { CatCommand } from './client/cat.command';
import { CpCommand } from './client/cp.command';
import { ExportCommand } from './client/export.command';
import { GetCommand } from './client/get.command';
import { ImportCommand } from './client/import.command';
import { LinkCommand } from './client/link.command';
import { LsCommand } from './client/ls.command';
import { MkdirCommand } from './client/mkdir.command';
import { MvCommand } from './client/mv.command';
import { PutCommand } from './client/put.command';
import { RmCommand } from './client/rm.command';
import { StatCommand } from './client/stat.command';
import { ConfigCommand } from './config/config.command';
import { InitCommand } from './config/init.command';
import { ShowCommand } from './config/show.command';
import { ValidateCommand } from './config/validate.command';
import { KEYS_COMMANDS } from './keys/keys.command';
import { CheckLocksCommand } from './locks/check.command';
import { ClearLocksCommand } from './locks/clear.command';
import { ListLocksCommand } from './locks/list.command';
import { LocksCommand } from './locks/locks.command';
import { ShowLockCommand } from './locks/show.command';
import { DumpCommand } from './metadata/dump.command';
import { LoadCommand } from './metadata/load.command';
import { ForgetNodeCommand } from './nodes/forget.command';
import { ListNodesCommand } from './nodes/list.command';
import { NodesCommand } from './nodes/nodes.command';
import { ServerCommand } from './server/server.command';
import { SelfSignedCommand } from './tls/self-signed.command';
import { TlsCommand } from './tls/tls.command';
import { FsckCommand } from './upkeep/fsck.command';
import { GcCommand } from './upkeep/gc.command';
import { ScrubCommand } from './upkeep/scrub.command';
import { ExpireUploadsCommand } from './uploads/expire.command';
import { ListUploadsCommand } from './uploads/list.command';
import { UploadsCommand } from './uploads/uploads.command';
import { USERS_COMMANDS } from './users/users.command';

/** The commands; each is a file of its own. */
@Module({
  providers: [
    ServerCommand,
    ...KEYS_COMMANDS,
    ...USERS_COMMANDS,
    AuditCommand,
    ConfigCommand,
    ValidateCommand,
    ShowCommand,
    InitCommand,
    TlsCommand,
    SelfSignedCommand,
    LocksCommand,
    ListLocksCommand,
    ShowLockCommand,
    ClearLocksCommand,
    CheckLocksCommand,
    NodesCommand,
    ListNodesCommand,
    ForgetNodeCommand,
    LsCommand,
    StatCommand,
    CatCommand,
    PutCommand,
    GetCommand,
    MkdirCommand,
    MvCommand,
    CpCommand,
    RmCommand,
    LinkCommand,
    FsckCommand,
    GcCommand,
    ScrubCommand,
    UploadsCommand,
    ListUploadsCommand,
    ExpireUploadsCommand,
    ExportCommand,
    ImportCommand,
    DumpCommand,
    LoadCommand,
  ],
})
export class CliModule {}
