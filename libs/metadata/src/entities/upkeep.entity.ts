import { Column, Entity, PrimaryColumn } from 'typeorm';

/** When the blobs of a backend are looked through for orphans again. */
@Entity('sweep')
export class SweepEntity {
  @PrimaryColumn({ type: 'text' })
  backend!: string;

  /** The node whose backend it is; empty for one that all nodes share. */
  @PrimaryColumn({ name: 'instance_id', type: 'text' })
  instanceId!: string;

  @Column({ name: 'due_ms', type: 'bigint' })
  dueMs!: number;
}

/** How far the check of a node's blobs has come. */
@Entity('scrub')
export class ScrubEntity {
  @PrimaryColumn({ type: 'text' })
  backend!: string;

  @PrimaryColumn({ name: 'instance_id', type: 'text' })
  instanceId!: string;

  @Column({ name: 'due_ms', type: 'bigint' })
  dueMs!: number;

  /** Of the pass under way, or of the last one. */
  @Column({ name: 'started_ms', type: 'bigint' })
  startedMs!: number;

  /** 0 while a pass is under way, and before the first. */
  @Column({ name: 'finished_ms', type: 'bigint' })
  finishedMs!: number;

  /** The number of the content that was checked last. */
  @Column({ type: 'bigint' })
  position!: number;

  @Column({ type: 'bigint' })
  blobs!: number;

  @Column({ type: 'bigint' })
  bytes!: number;
}

/** A blob that is not what was written, found by a check and not replaced. */
@Entity('damage')
export class DamageEntity {
  @PrimaryColumn({ type: 'text' })
  backend!: string;

  @PrimaryColumn({ name: 'instance_id', type: 'text' })
  instanceId!: string;

  @PrimaryColumn({ type: 'text' })
  key!: string;

  @Column({ name: 'content_id', type: 'bigint' })
  contentId!: number;

  @Column({ type: 'text' })
  problem!: string;

  @Column({ name: 'found_ms', type: 'bigint' })
  foundMs!: number;
}
