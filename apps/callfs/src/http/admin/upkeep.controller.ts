import { Controller, Get, Post, Req, Res, UseGuards } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { SuperuserGuard } from '@callfs/auth';
import { FsckService, type FsckOptions } from '../../use-cases/upkeep/fsck.service';
import { GarbageService } from '../../use-cases/upkeep/garbage.service';
import { ScrubReport } from '../../use-cases/upkeep/scrub-report';
import { choice, flag } from '../files/query-values';
import { queryOf } from '../request-target';
import { sendJson } from '../respond';
import { sendEvents } from './event-lines';
import { CollectDocs, FsckDocs, GarbageDocs, RepairDocs, ScrubDocs, ScrubStatusDocs } from './upkeep-docs';

const BACKENDS = ['localfs', 's3'] as const;

/** `/v1/admin/gc`, `fsck` and `scrub`: GET looks, POST does something about it. */
@UseGuards(SuperuserGuard)
@Controller('v1/admin')
export class UpkeepController {
  constructor(
    private readonly garbage: GarbageService,
    private readonly fsck: FsckService,
    private readonly scrubs: ScrubReport,
  ) {}

  @Get('gc')
  @GarbageDocs()
  showGarbage(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return sendEvents(reply, this.garbage.run({ remove: false, adopt: adopted(request) }));
  }

  @Post('gc')
  @CollectDocs()
  collectGarbage(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return sendEvents(reply, this.garbage.run({ remove: true, adopt: adopted(request) }));
  }

  @Get('fsck')
  @FsckDocs()
  check(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return sendEvents(reply, this.fsck.run(fsckOptions(request, false)));
  }

  @Post('fsck')
  @RepairDocs()
  repair(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return sendEvents(reply, this.fsck.run(fsckOptions(request, true)));
  }

  @Get('scrub')
  @ScrubStatusDocs()
  async scrubStatus(@Res() reply: FastifyReply): Promise<void> {
    sendJson(reply, 200, { scrubs: await this.scrubs.status() });
  }

  @Post('scrub')
  @ScrubDocs()
  scrub(@Res() reply: FastifyReply): Promise<void> {
    return sendEvents(reply, this.scrubs.run());
  }
}

function adopted(request: FastifyRequest): string | undefined {
  return choice(queryOf(request), 'adopt', BACKENDS, undefined);
}

function fsckOptions(request: FastifyRequest, repair: boolean): FsckOptions {
  const query = queryOf(request);
  const scope = choice(query, 'scope', ['all', 'node'], 'all');
  return { repair, verifyContent: flag(query, 'verify_content'), scope };
}
