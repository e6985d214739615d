import { Controller, Get, Inject, Req, Res } from '@nestjs/common';
import { CallfsError } from '@callfs/core';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { DownloadsService, type Download, type Recipient } from '../../use-cases/links/downloads.service';
import { LINK_OBSERVER, type LinkObserver, type LinkOutcome } from '../../use-cases/links/link-observer';
import { TICKET_LIFE_MS } from '../../use-cases/links/resume-tickets';
import { Exchange } from '../exchange';
import { FileResponse, type Handover } from '../files/file-response';
import { Open } from '../open-route';
import { PublicUrl } from '../public-url';
import { RemoteAddress } from '../remote-address';
import { rawPathOf } from '../request-target';
import type { Headers } from '../respond';
import { contentDisposition } from '../semantics/content-disposition';
import { DownloadDocs } from './link-docs';
import { recipientOf, TICKET_COOKIE } from './recipient';

const PREFIX = '/download';

/** What a recipient is told of a file; whose it is and where it lies is not for strangers. */
const TOLD = ['Content-Type', 'Content-Length', 'Last-Modified', 'ETag', 'Accept-Ranges', 'Repr-Digest'];

/** `/download/{token}`: files for those who have a link and no key. */
@Controller()
export class DownloadsController {
  constructor(
    private readonly downloads: DownloadsService,
    private readonly fileResponse: FileResponse,
    private readonly addresses: RemoteAddress,
    private readonly url: PublicUrl,
    @Inject(LINK_OBSERVER) private readonly observe: LinkObserver,
  ) {}

  /** Fastify routes HEAD here as well. */
  @Get('download/:token')
  @Open()
  @DownloadDocs()
  async download(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const token = rawPathOf(request, PREFIX).slice(1);
    const recipient = recipientOf(request, this.addresses);
    try {
      const download = await this.downloads.open(token, recipient);
      const { id, user, path } = download.link;
      Exchange.of(request.raw).deed = { operation: 'download', paths: [path], user, detail: `link ${id}` };
      const handover = this.handover(download, recipient, token);
      await this.fileResponse.send(download.caller, download.found, request, reply, handover);
    } catch (error) {
      const outcome = outcomeOf(error);
      if (outcome !== undefined) this.observe.consumed(outcome);
      throw error;
    }
  }

  private handover(download: Download, recipient: Recipient, token: string): Handover {
    return {
      fields: (own) => ({
        ...Object.fromEntries(TOLD.map((name) => [name, own[name]])),
        'Content-Disposition': contentDisposition('attachment', download.link.filename),
        'Cache-Control': 'private, no-store',
      }),
      release: async (body, resumed) => {
        const { ticket, ...delivery } = await this.downloads.deliver(download, recipient, body, resumed);
        return { ...delivery, headers: this.ticketFields(ticket, token) };
      },
    };
  }

  private ticketFields(ticket: string, token: string): Headers {
    const url = new URL(this.url.of(`${PREFIX}/${token}`));
    const attributes = ['HttpOnly', 'SameSite=Lax', ...(url.protocol === 'https:' ? ['Secure'] : [])].join('; ');
    return {
      'X-CallFS-Resume-Ticket': ticket,
      'Set-Cookie': `${TICKET_COOKIE}=${ticket}; Path=${url.pathname}; Max-Age=${TICKET_LIFE_MS / 1000}; ${attributes}`,
    };
  }
}

/** What a request that failed counts as; nothing when it said itself that it wants no bytes. */
function outcomeOf(error: unknown): LinkOutcome | undefined {
  if (!CallfsError.is(error)) return 'failed';
  switch (error.code) {
    case 'LINK_NOT_FOUND':
      return 'not_found';
    case 'LINK_GONE':
      return 'gone';
    case 'LINK_PASSWORD_REQUIRED':
    case 'PERMISSION_DENIED':
    case 'RATE_LIMIT_EXCEEDED':
      return 'refused';
    case 'PRECONDITION_FAILED':
    case 'RANGE_NOT_SATISFIABLE':
    case 'INVALID_REQUEST':
      return undefined;
    default:
      return 'failed';
  }
}
