import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';
import type { FileType } from '@callfs/core';
import { nanoseconds } from './nanoseconds';

/** A file, directory or symbolic link. Ids are never used twice. */
@Entity('inode')
export class InodeEntity {
  @PrimaryGeneratedColumn({ type: 'bigint' })
  id!: number;

  @Column({ type: 'text' })
  type!: FileType;

  @Column({ type: 'integer' })
  mode!: number;

  @Column({ type: 'bigint' })
  uid!: number;

  @Column({ type: 'bigint' })
  gid!: number;

  @Column({ type: 'bigint' })
  size!: number;

  @Column({ type: 'bigint' })
  nlink!: number;

  @Column({ name: 'atime_ns', type: 'bigint', transformer: nanoseconds })
  atimeNs!: bigint;

  @Column({ name: 'mtime_ns', type: 'bigint', transformer: nanoseconds })
  mtimeNs!: bigint;

  @Column({ name: 'ctime_ns', type: 'bigint', transformer: nanoseconds })
  ctimeNs!: bigint;

  @Column({ type: 'bigint' })
  version!: number;

  @Column({ name: 'content_id', type: 'bigint', nullable: true })
  contentId!: number | null;

  @Column({ name: 'content_type', type: 'text', nullable: true })
  contentType!: string | null;

  @Column({ name: 'symlink_target', type: 'text', nullable: true })
  target!: string | null;
}
