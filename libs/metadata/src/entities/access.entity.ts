import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** A key that was issued, as its digest. A revoked one stays for a while, so that what it did can still be told. */
@Entity('api_key')
@Index('api_key_id', ['id'], { unique: true })
@Index('api_key_by_parent', ['parentId'])
@Index('api_key_by_user', ['userName'])
export class ApiKeyEntity {
  /** SHA-256, hexadecimal: the key itself is nowhere. */
  @PrimaryColumn({ type: 'text' })
  digest!: string;

  /** The first digits of the digest: what names the key to people. */
  @Column({ type: 'text' })
  id!: string;

  /** The key that it was made with, issued or of the configuration; not known of keys older than the column. */
  @Column({ name: 'parent_id', type: 'text', nullable: true })
  parentId!: string | null;

  @Column({ type: 'text' })
  name!: string;

  /** Whom it stands for. */
  @Column({ name: 'user_name', type: 'text' })
  userName!: string;

  /** What it is limited to, and everything below. */
  @Column({ type: 'text' })
  path!: string;

  /** What it is good for, separated by commas. */
  @Column({ type: 'text' })
  verbs!: string;

  @Column({ name: 'created_ms', type: 'bigint' })
  createdMs!: number;

  @Column({ name: 'created_by', type: 'text' })
  createdBy!: string;

  @Column({ name: 'expires_ms', type: 'bigint', nullable: true })
  expiresMs!: number | null;

  /** When it was last presented, a minute late at most. */
  @Column({ name: 'used_ms', type: 'bigint', nullable: true })
  usedMs!: number | null;

  @Column({ name: 'revoked_ms', type: 'bigint', nullable: true })
  revokedMs!: number | null;
}

/** A user beside those of the configuration. Its number is a principal's and outlives it. */
@Entity('account')
export class AccountEntity {
  @PrimaryColumn({ type: 'text' })
  name!: string;

  @Column({ type: 'bigint' })
  uid!: number;

  @Column({ type: 'bigint' })
  gid!: number;

  /** The numbers of its other groups (JSON). */
  @Column({ name: 'member_of', type: 'text' })
  memberOf!: string;

  @Column({ type: 'integer' })
  umask!: number;

  @Column({ name: 'created_ms', type: 'bigint' })
  createdMs!: number;

  @Column({ name: 'created_by', type: 'text' })
  createdBy!: string;
}

/** One row: grows with every change of keys and users. */
@Entity('access_revision')
export class AccessRevisionEntity {
  @PrimaryColumn({ type: 'integer' })
  id!: number;

  @Column({ type: 'bigint' })
  revision!: number;
}
