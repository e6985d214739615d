import { Column, Entity, PrimaryColumn } from 'typeorm';

/** A node of the cluster and when it was last heard of. */
@Entity('node', { withoutRowid: true })
export class NodeEntity {
  @PrimaryColumn({ name: 'instance_id', type: 'text' })
  instanceId!: string;

  /** Which run of the instance. */
  @Column({ name: 'boot_id', type: 'text' })
  bootId!: string;

  /** Where its peers reach it. */
  @Column({ type: 'text' })
  endpoint!: string;

  @Column({ type: 'text' })
  version!: string;

  @Column({ name: 'started_ms', type: 'bigint' })
  startedMs!: number;

  @Column({ name: 'heartbeat_ms', type: 'bigint' })
  heartbeatMs!: number;
}
