import { createHmac, hash, randomBytes, timingSafeEqual } from 'node:crypto';

const RANDOM_BYTES = 32;
/** 43 characters of Base64url for the random bits, 43 for what binds them. */
const FORM = /^[A-Za-z0-9_-]{86}$/;
const RANDOM_CHARS = 43;
/** Looked up in place of what can be no token, so that nonsense takes as long as a guess. */
const DECOY = '-'.repeat(2 * RANDOM_CHARS);

/** What a token is bound to: it opens this path, until then, and nothing else, whatever becomes of the stored row. */
export interface TokenBinding {
  readonly path: string;
  readonly expiresMs: number;
}

const NO_BINDING: TokenBinding = { path: '/', expiresMs: 0 };

/** Makes and recognises the tokens of links: 256 random bits, and their HMAC-SHA-256 with path and expiry. */
export class LinkTokens {
  /** `auth.single_use_link_secret`. */
  constructor(private readonly secret: string) {}

  make(binding: TokenBinding): string {
    const random = randomBytes(RANDOM_BYTES).toString('base64url');
    return random + this.bound(random, binding);
  }

  /** Under which a link is stored; some hash for what is no token at all. */
  hashOf(presented: string): string {
    return hash('sha256', FORM.test(presented) ? presented : DECOY, 'hex');
  }

  /** Whether `presented` is bound so. The same work for whatever is presented, and when there is nothing it could be bound to. */
  isBound(presented: string, binding: TokenBinding | undefined): boolean {
    const token = FORM.test(presented) ? presented : DECOY;
    const expected = Buffer.from(this.bound(token.slice(0, RANDOM_CHARS), binding ?? NO_BINDING));
    return timingSafeEqual(expected, Buffer.from(token.slice(RANDOM_CHARS))) && binding !== undefined;
  }

  private bound(random: string, { path, expiresMs }: TokenBinding): string {
    return createHmac('sha256', this.secret).update(`link\0${random}\0${expiresMs}\0${path}`).digest('base64url');
  }
}
