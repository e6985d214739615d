import { Column, Entity, PrimaryColumn } from 'typeorm';

/** The lowest fence that a holder of this lock needs to commit. */
@Entity('fence', { withoutRowid: true })
export class FenceEntity {
  @PrimaryColumn({ type: 'text' })
  name!: string;

  @Column({ type: 'bigint' })
  token!: number;
}

/** The root of a tree that has been removed and whose rows are still to be deleted. */
@Entity('detached')
export class DetachedEntity {
  @PrimaryColumn({ name: 'inode_id', type: 'bigint' })
  inodeId!: number;
}

/** Running totals, kept by the transactions that change them. */
@Entity('statistic', { withoutRowid: true })
export class StatisticEntity {
  @PrimaryColumn({ type: 'text' })
  name!: string;

  @Column({ type: 'bigint' })
  value!: number;
}

/** One row: which store this is. A dump carries it, so what was loaded is the same store. */
@Entity('store')
export class StoreEntity {
  @PrimaryColumn({ name: 'only_row', type: 'integer' })
  onlyRow!: number;

  /** Random, made with the table. */
  @Column({ type: 'text' })
  id!: string;

  /** The store whose copy it is, and whose blobs it refers to without owning them. */
  @Column({ name: 'copy_of', type: 'text', nullable: true })
  copyOf!: string | null;
}

/** A place that a copy of a store has been told to be its own, as if it had never been another's. */
@Entity('adopted_place')
export class AdoptedPlaceEntity {
  @PrimaryColumn({ type: 'text' })
  backend!: string;

  /** The node whose backend it is; empty for one that all nodes share. */
  @PrimaryColumn({ name: 'instance_id', type: 'text' })
  instanceId!: string;
}
