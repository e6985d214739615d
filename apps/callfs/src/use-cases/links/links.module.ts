import { Module } from '@nestjs/common';
import type { CallfsConfig } from '../../config/config';
import { CALLFS_CONFIG } from '../../config/config.module';
import { UseCasesModule } from '../use-cases.module';
import { DownloadsService } from './downloads.service';
import { LinkRoom } from './link-room';
import { LinkRows } from './link-rows';
import { LinkSweep } from './link-sweep';
import { LinkTokens } from './link-token';
import { LinksService } from './links.service';
import { ResumeTickets } from './resume-tickets';

/** Links by which those without a key get a file. */
@Module({
  imports: [UseCasesModule],
  providers: [
    LinksService,
    DownloadsService,
    LinkRoom,
    LinkRows,
    LinkSweep,
    {
      provide: LinkTokens,
      inject: [CALLFS_CONFIG],
      useFactory: ({ auth }: CallfsConfig) => new LinkTokens(auth.singleUseLinkSecret),
    },
    {
      provide: ResumeTickets,
      inject: [CALLFS_CONFIG],
      useFactory: ({ auth }: CallfsConfig) => new ResumeTickets(auth.singleUseLinkSecret),
    },
  ],
  exports: [LinksService, DownloadsService],
})
export class LinksModule {}
