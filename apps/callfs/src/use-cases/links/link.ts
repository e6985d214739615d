/** A link by which somebody without a key gets one version of one file. Its token is known to whoever was given it and to nobody else. */
export interface Link {
  readonly id: string;
  readonly tokenHash: string;
  /** Canonical, no symbolic links in it. */
  readonly path: string;
  readonly inodeId: number;
  readonly contentId: number;
  /** Who made it, and whose permissions count. */
  readonly user: string;
  /** The id of the key that it was made with. */
  readonly keyId: string | null;
  readonly filename: string;
  /** As `hashPassword` made it. */
  readonly password: string | null;
  /** Empty: from everywhere. */
  readonly allowCidrs: readonly string[];
  readonly maxUses: number;
  readonly uses: number;
  readonly createdMs: number;
  readonly expiresMs: number;
  readonly revokedMs: number | null;
}

/** Why a link does not work any more, for whoever holds its token. */
export type GoneReason = 'used_up' | 'expired' | 'revoked' | 'file_changed';

/** What speaks against any further use of `link` at that time. */
export function goneReason(link: Link, nowMs: number): GoneReason | undefined {
  if (link.revokedMs !== null) return 'revoked';
  if (link.expiresMs <= nowMs) return 'expired';
  return link.uses >= link.maxUses ? 'used_up' : undefined;
}
