import { Inject, Injectable } from '@nestjs/common';
import { Authenticator } from '@callfs/auth';
import { AddressRanges, CallfsError, clientNetwork, VirtualPath, type ByteRange } from '@callfs/core';
import { RateLimiter, type Rate } from '@callfs/limiting';
import type { BlobBody } from '@callfs/storage';
import type { Caller } from '../caller';
import { etagOf } from '../etag';
import { FilesService } from '../files.service';
import type { Existing } from '../located';
import { tooMany } from '../too-many';
import { goneReason, type Link } from './link';
import { linkGone, noSuchLink } from './link-errors';
import { LINK_OBSERVER, type LinkObserver } from './link-observer';
import { isPassword } from './link-password';
import { LinkRows } from './link-rows';
import { LinkTokens } from './link-token';
import { Opened } from './opened';
import { ResumeTickets, TICKET_LIFE_MS } from './resume-tickets';

/** Guesses at a link's password: from one address, and from all together. */
const GUESSES: Rate = { perSecond: 5 / 60, burst: 5 };
const ALL_GUESSES: Rate = { perSecond: 0.5, burst: 50 };

/** What may be sent again on account of one use, in sizes of the file: what broke on the way is sent twice. */
const RESUMED_SIZES = 2;

/** Who wants a link's file. There is no key; that the token is known is all there is. */
export interface Recipient {
  readonly address: string;
  readonly password?: string;
  readonly ticket?: string;
  readonly requestId: string;
  readonly signal?: AbortSignal;
}

/** A link's file, found and judged, nothing spent yet. */
export interface Download {
  readonly link: Link;
  readonly found: Existing;
  /** Who made the link: on whose behalf the file is read. */
  readonly caller: Caller;
  /** The use whose transfer the recipient's ticket would continue. */
  readonly useId?: string;
}

/** What goes out to the recipient. */
export interface Delivery {
  readonly body: Buffer | BlobBody;
  /** Continues the transfer should it break. */
  readonly ticket: string;
  /** The transfer is over after so many bytes. */
  readonly over: (bytes: number) => Promise<void>;
}

/** Files by link: whoever has the token gets them, as long and as often as the link says. */
@Injectable()
export class DownloadsService {
  constructor(
    private readonly files: FilesService,
    private readonly users: Authenticator,
    private readonly rows: LinkRows,
    private readonly tokens: LinkTokens,
    private readonly tickets: ResumeTickets,
    private readonly limiter: RateLimiter,
    @Inject(LINK_OBSERVER) private readonly observe: LinkObserver,
  ) {}

  /**
   * Finds what a token opens. `LINK_NOT_FOUND` for what was never a token, or not of this link, after the same work.
   * Only then: `LINK_GONE`, `PERMISSION_DENIED` for the wrong address, `LINK_PASSWORD_REQUIRED`, `RATE_LIMIT_EXCEEDED`.
   */
  async open(token: string, recipient: Recipient): Promise<Download> {
    const stored = await this.rows.findByToken(this.tokens.hashOf(token));
    if (!this.tokens.isBound(token, stored?.link) || !stored) throw noSuchLink();
    const { link, nowMs } = stored;
    const gone = goneReason(link, nowMs);
    if (gone !== undefined && !(gone === 'used_up' && recipient.ticket !== undefined)) throw linkGone(gone);
    if (link.allowCidrs.length > 0 && !new AddressRanges(link.allowCidrs).includes(recipient.address)) throw wrongAddress();
    await this.checkPassword(link, recipient);

    const { requestId, signal } = recipient;
    const identity = this.users.userNamed(link.user);
    if (!identity) throw linkGone('file_changed');
    const caller = { identity, requestId, signal };
    const found = await this.find(caller, link);
    const useId =
      recipient.ticket === undefined ? undefined : this.tickets.useOf(recipient.ticket, binding(link, found, recipient));
    if (gone !== undefined && useId === undefined) throw linkGone(gone);
    return { link, found, caller, useId };
  }

  /**
   * Takes `body`, which was opened for the recipient, and spends a use before its first byte goes out, but after there
   * is one: what cannot be read costs nothing. `LINK_GONE` when others were faster. `resumed` is the part of the
   * content that the recipient lacks, when it says of which version: with a ticket that costs no use.
   */
  async deliver(
    { link, found, useId }: Download,
    recipient: Recipient,
    body: Buffer | BlobBody,
    resumed?: ByteRange,
  ): Promise<Delivery> {
    const opened = await Opened.of(body);
    try {
      if (useId !== undefined && resumed && resumed.offset > 0 && (await this.rows.charge(link, useId, resumed.length))) {
        this.observe.consumed('resumed');
        const over = async (bytes: number) => {
          if (bytes < resumed.length) await this.rows.refund(useId, resumed.length - bytes);
        };
        return { body: opened.body, ticket: this.tickets.make(useId, binding(link, found, recipient)), over };
      }
      const use = {
        id: this.tickets.newUseId(),
        bytesLeft: found.inode.size * RESUMED_SIZES,
        lifeMs: TICKET_LIFE_MS,
      };
      if (!(await this.rows.spend(link, use))) throw linkGone('used_up');
      this.observe.consumed('spent');
      const ticket = this.tickets.make(use.id, binding(link, found, recipient));
      return { body: opened.body, ticket, over: async () => undefined };
    } catch (error) {
      await opened.discard();
      throw error;
    }
  }

  /** What the link was made for, if it is still there and the one who made it may still read it. */
  private async find(caller: Caller, link: Link): Promise<Existing> {
    try {
      const path = VirtualPath.fromText(link.path);
      const found = await this.files.open(caller, path, { follow: false, data: true });
      if (found.inode.id === link.inodeId && found.inode.content?.id === link.contentId) return found;
    } catch (error) {
      if (!CallfsError.is(error, 'FILE_NOT_FOUND', 'PERMISSION_DENIED', 'ELOOP')) throw error;
      throw linkGone('file_changed', error);
    }
    throw linkGone('file_changed');
  }

  /** A guess is counted before it is judged, so that many at once are no way around the limit; a right one does not count. */
  private async checkPassword(link: Link, { address, password }: Recipient): Promise<void> {
    if (link.password === null) return;
    if (password === undefined) throw passwordRequired('This link has a password.');
    const buckets: [string, Rate][] = [
      [`link-password:${link.id}:${clientNetwork(address)}`, GUESSES],
      [`link-password:${link.id}`, ALL_GUESSES],
    ];
    for (const [bucket, rate] of buckets) {
      const ruling = await this.limiter.take(bucket, rate);
      if (!ruling.allowed) throw tooMany('wrong passwords for this link', ruling);
    }
    if (!(await isPassword(password, link.password))) throw passwordRequired('The password is wrong.');
    for (const [bucket, rate] of buckets) await this.limiter.giveBack(bucket, rate);
  }
}

function binding(link: Link, { inode }: Existing, { address }: Recipient) {
  if (!inode.content) throw new TypeError('only a file has content');
  return { linkId: link.id, etag: etagOf(inode.content), address };
}

function wrongAddress(): CallfsError {
  return new CallfsError('PERMISSION_DENIED', 'This link is not for your address. Ask whoever made it.');
}

function passwordRequired(what: string): CallfsError {
  const how = 'Send it as that of HTTP Basic authentication (any user name), or in "X-CallFS-Link-Password".';
  return new CallfsError('LINK_PASSWORD_REQUIRED', `${what} ${how}`);
}
