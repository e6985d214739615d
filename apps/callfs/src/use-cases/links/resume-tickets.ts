import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

/** A ticket is of use for so long. */
export const TICKET_LIFE_MS = 10 * 60 * 1000;

const USE_ID = /^[0-9a-f]{32}$/;

/** What a ticket is good for: this recipient's continuing of this content by this link, on account of the use it names. */
export interface TicketBinding {
  readonly linkId: string;
  readonly etag: string;
  readonly address: string;
}

/** Makes and recognises resume tickets: the id of a use, signed. How long and for how much it counts stands with the use. */
export class ResumeTickets {
  /** `auth.single_use_link_secret`. */
  constructor(private readonly secret: string) {}

  newUseId(): string {
    return randomBytes(16).toString('hex');
  }

  make(useId: string, binding: TicketBinding): string {
    return `${useId}.${this.signature(useId, binding)}`;
  }

  /** The use that a ticket names; nothing when it is not one for this. */
  useOf(ticket: string, binding: TicketBinding): string | undefined {
    const [useId = '', signature = '', ...rest] = ticket.split('.');
    if (!USE_ID.test(useId) || rest.length > 0) return undefined;
    const expected = Buffer.from(this.signature(useId, binding));
    const given = Buffer.from(signature);
    return given.length === expected.length && timingSafeEqual(given, expected) ? useId : undefined;
  }

  private signature(useId: string, { linkId, etag, address }: TicketBinding): string {
    const text = ['resume', useId, linkId, etag, address].join('\0');
    return createHmac('sha256', this.secret).update(text).digest('base64url');
  }
}
