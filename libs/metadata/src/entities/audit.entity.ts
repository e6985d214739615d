import { Column, Entity, PrimaryColumn } from 'typeorm';

/** Who did what to which path from where with which result. */
@Entity('audit')
export class AuditEntity {
  @PrimaryColumn({ name: 'at_ms', type: 'bigint' })
  atMs!: number;

  /** The node that wrote it, */
  @PrimaryColumn({ name: 'instance_id', type: 'text' })
  instanceId!: string;

  /** as the how many-th of its run. */
  @PrimaryColumn({ type: 'bigint' })
  seq!: number;

  @Column({ name: 'user_name', type: 'text' })
  userName!: string;

  @Column({ name: 'key_id', type: 'text' })
  keyId!: string;

  @Column({ type: 'text' })
  operation!: string;

  @Column({ type: 'text', nullable: true })
  path!: string | null;

  /** The other path of a move. */
  @Column({ type: 'text', nullable: true })
  target!: string | null;

  @Column({ type: 'text' })
  address!: string;

  @Column({ type: 'integer' })
  status!: number;

  @Column({ type: 'text' })
  code!: string;

  @Column({ name: 'request_id', type: 'text' })
  requestId!: string;

  @Column({ type: 'text', nullable: true })
  detail!: string | null;
}
