import { Column, Entity, PrimaryColumn, PrimaryGeneratedColumn } from 'typeorm';

/**
 * Immutable bytes, inline or in blobs, and how many inodes have them. The inline bytes themselves are in `data`, which is no
 * column here: each engine has its own word for its type, and only statements of our own touch it.
 */
@Entity('content')
export class ContentEntity {
  @PrimaryGeneratedColumn({ type: 'bigint' })
  id!: number;

  @Column({ type: 'text' })
  kind!: 'inline' | 'blob';

  @Column({ type: 'bigint' })
  size!: number;

  @Column({ type: 'text' })
  sha256!: string;

  @Column({ type: 'bigint' })
  refs!: number;

  @Column({ type: 'text' })
  backend!: string;

  @Column({ name: 'instance_id', type: 'text' })
  instanceId!: string;
}

/** A blob of a content. */
@Entity('replica', { withoutRowid: true })
export class ReplicaEntity {
  @PrimaryColumn({ name: 'content_id', type: 'bigint' })
  contentId!: number;

  @PrimaryColumn({ type: 'text' })
  backend!: string;

  @PrimaryColumn({ name: 'instance_id', type: 'text' })
  instanceId!: string;

  @Column({ type: 'text' })
  key!: string;
}

/** A blob that no content refers to any more, and when it may go. */
@Entity('collect', { withoutRowid: true })
export class CollectEntity {
  @PrimaryColumn({ type: 'text' })
  backend!: string;

  @PrimaryColumn({ name: 'instance_id', type: 'text' })
  instanceId!: string;

  @PrimaryColumn({ type: 'text' })
  key!: string;

  @Column({ name: 'not_before', type: 'bigint' })
  notBefore!: bigint;

  /** Of one that no content ever had: until then a commit may come, and is refused. The row stays for so long. */
  @Column({ name: 'refused_until', type: 'bigint', nullable: true })
  refusedUntil!: bigint | null;
}
