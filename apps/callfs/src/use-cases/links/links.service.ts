import { randomBytes } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { keyEnded, requireVerb, requireWithin } from '@callfs/auth';
import { isSuperuser, VirtualPath } from '@callfs/core';
import type { Caller } from '../caller';
import { isADirectory } from '../existing-errors';
import { FilesService } from '../files.service';
import type { Link } from './link';
import { noSuchLink } from './link-errors';
import { LINK_OBSERVER, type LinkObserver } from './link-observer';
import { hashPassword } from './link-password';
import { LinkRoom } from './link-room';
import { LinkRows, type LinkPosition } from './link-rows';
import { LinkTokens } from './link-token';

/** What a link is to be. */
export interface LinkRequest {
  readonly lifeMs: number;
  readonly maxUses: number;
  /** The name under which it is saved; the file's own without. */
  readonly filename?: string;
  readonly password?: string;
  /** Each passes `isAddressRange`. Empty: from everywhere. */
  readonly allowCidrs: readonly string[];
}

/** A link, and the one time that its token is told. */
export interface GeneratedLink {
  readonly link: Pick<Link, 'id' | 'path' | 'maxUses' | 'expiresMs'>;
  readonly token: string;
}

const LINK_ID = /^[0-9a-f]{32}$/;

/** Making, listing and revoking download links. */
@Injectable()
export class LinksService {
  constructor(
    private readonly files: FilesService,
    private readonly rows: LinkRows,
    private readonly room: LinkRoom,
    private readonly tokens: LinkTokens,
    @Inject(LINK_OBSERVER) private readonly observe: LinkObserver,
  ) {}

  /** A link to the file that is at `path` now, which the caller may read; it ends with the caller's key. `IS_A_DIRECTORY`, `INSUFFICIENT_STORAGE`. */
  async generate(caller: Caller, path: VirtualPath, request: LinkRequest): Promise<GeneratedLink> {
    caller.note?.({ operation: 'link.create', paths: [path.toString()] });
    requireVerb(caller.identity, ['share'], path);
    const { inode, path: canonical } = await this.files.open(caller, path, { follow: true, data: false });
    if (!inode.content) throw isADirectory(canonical);
    const { user, keyId, scope } = caller.identity;
    await this.room.take(user);
    const createdMs = await this.rows.nowMs();
    const keyExpiresMs = scope?.expiresMs ?? Number.POSITIVE_INFINITY;
    const binding = { path: canonical.toString(), expiresMs: Math.min(createdMs + request.lifeMs, keyExpiresMs) };
    const token = this.tokens.make(binding);
    const link = {
      ...binding,
      id: randomBytes(16).toString('hex'),
      tokenHash: this.tokens.hashOf(token),
      inodeId: inode.id,
      contentId: inode.content.id,
      user,
      keyId,
      filename: request.filename ?? canonical.name,
      password: request.password === undefined ? null : await hashPassword(request.password),
      allowCidrs: request.allowCidrs,
      maxUses: request.maxUses,
      createdMs,
    };
    if (!(await this.rows.insert(link, { isKeyIssued: scope !== undefined }))) throw keyEnded(caller.identity);
    this.observe.generated();
    return { link, token };
  }

  /** The caller's links, of the superuser everybody's; the newest first. Not for a key that is limited to a path. */
  async list(caller: Caller, after: LinkPosition | undefined, limit: number): Promise<{ links: Link[]; nowMs: number }> {
    return this.rows.list(ownerOf(caller), after, limit);
  }

  /** From now on nobody begins a download with it. `LINK_NOT_FOUND`, also for one of somebody else. */
  async revoke(caller: Caller, id: string): Promise<void> {
    // What was sent instead may be the token.
    if (!LINK_ID.test(id)) throw noSuchLink();
    caller.note?.({ operation: 'link.revoke', paths: [], detail: id });
    if (!(await this.rows.revoke(id, ownerOf(caller)))) throw noSuchLink();
  }
}

/** Whose links a caller sees: nothing stands for everybody's. `PERMISSION_DENIED` for a key that must not know other paths. */
function ownerOf({ identity }: Caller): string | undefined {
  requireVerb(identity, ['share']);
  requireWithin(identity, VirtualPath.root);
  return isSuperuser(identity) ? undefined : identity.user;
}
