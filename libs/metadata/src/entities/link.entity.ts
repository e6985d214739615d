import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** A link by which somebody without a key gets one version of one file, so many times and until then. */
@Entity('link')
@Index('link_by_key', ['keyId'])
@Index('link_by_user', ['userName', 'createdMs', 'id'])
export class LinkEntity {
  @PrimaryColumn({ type: 'text' })
  id!: string;

  /** SHA-256 of the token; the token itself is nowhere. */
  @Column({ name: 'token_hash', type: 'text', unique: true })
  tokenHash!: string;

  @Column({ type: 'text' })
  path!: string;

  @Column({ name: 'inode_id', type: 'bigint' })
  inodeId!: number;

  @Column({ name: 'content_id', type: 'bigint' })
  contentId!: number;

  /** Whose permissions count. */
  @Column({ name: 'user_name', type: 'text' })
  userName!: string;

  /** The key that it was made with; not known of links older than the column. */
  @Column({ name: 'key_id', type: 'text', nullable: true })
  keyId!: string | null;

  /** Under which name it is saved. */
  @Column({ type: 'text' })
  filename!: string;

  /** Hashed. */
  @Column({ type: 'text', nullable: true })
  password!: string | null;

  /** Separated by commas. */
  @Column({ name: 'allow_cidrs', type: 'text', nullable: true })
  allowCidrs!: string | null;

  @Column({ name: 'max_uses', type: 'integer' })
  maxUses!: number;

  @Column({ type: 'integer' })
  uses!: number;

  /** The id of the use that was spent last. */
  @Column({ name: 'last_use', type: 'text', nullable: true })
  lastUse!: string | null;

  @Column({ name: 'created_ms', type: 'bigint' })
  createdMs!: number;

  @Column({ name: 'expires_ms', type: 'bigint' })
  expiresMs!: number;

  @Column({ name: 'revoked_ms', type: 'bigint', nullable: true })
  revokedMs!: number | null;
}

/** A use of a link, for as long as a transfer that broke may be continued. */
@Entity('link_use')
export class LinkUseEntity {
  @PrimaryColumn({ type: 'text' })
  id!: string;

  @Column({ name: 'link_id', type: 'text' })
  linkId!: string;

  /** How much more may be sent on account of it. */
  @Column({ name: 'bytes_left', type: 'bigint' })
  bytesLeft!: number;

  @Column({ name: 'expires_ms', type: 'bigint' })
  expiresMs!: number;
}
