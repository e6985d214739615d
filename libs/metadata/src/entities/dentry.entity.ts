import { Column, Entity, PrimaryColumn } from 'typeorm';

/** A name in a directory. Compared and sorted by its UTF-8 bytes. */
@Entity('dentry', { withoutRowid: true })
export class DentryEntity {
  @PrimaryColumn({ name: 'parent_id', type: 'bigint' })
  parentId!: number;

  @PrimaryColumn({ type: 'text' })
  name!: string;

  @Column({ name: 'inode_id', type: 'bigint' })
  inodeId!: number;
}
