import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** An upload that comes in parts. */
@Entity('upload')
@Index('upload_expiry', ['expiresMs'])
export class UploadEntity {
  /** Random: who does not know it cannot ask for it. */
  @PrimaryColumn({ type: 'text' })
  id!: string;

  /** Whose it is; nobody else may touch it. */
  @Column({ type: 'bigint' })
  uid!: number;

  @Column({ name: 'user_name', type: 'text' })
  userName!: string;

  /** `partial`: becomes part of a `final` one and no file of its own. */
  @Column({ type: 'text' })
  kind!: 'plain' | 'partial' | 'final';

  /** `used`: its bytes have become part of another; `expired`: they were given up. */
  @Column({ type: 'text' })
  state!: 'open' | 'done' | 'used' | 'expired';

  /** The file that it becomes. */
  @Column({ type: 'text', nullable: true })
  path!: string | null;

  /** What the client said of it, as it said it. */
  @Column({ type: 'text' })
  metadata!: string;

  /** On which terms it becomes a file (JSON). */
  @Column({ type: 'text' })
  terms!: string;

  /** The uploads that a final one is made of, in order. */
  @Column({ type: 'text', nullable: true })
  sources!: string | null;

  @Column({ type: 'bigint' })
  size!: number;

  /** How many of its bytes are durable. */
  @Column({ type: 'bigint' })
  received!: number;

  /** Counts those who went to work on it: only the last may change it. */
  @Column({ type: 'bigint' })
  attempt!: number;

  @Column({ name: 'created_ms', type: 'bigint' })
  createdMs!: number;

  @Column({ name: 'expires_ms', type: 'bigint' })
  expiresMs!: number;
}

/** Bytes of an upload, in a blob. */
@Entity('upload_part')
@Index('upload_part_blob', ['backend', 'instanceId', 'key'], { unique: true })
export class UploadPartEntity {
  @PrimaryColumn({ name: 'upload_id', type: 'text' })
  uploadId!: string;

  /** Where in the upload they begin. */
  @PrimaryColumn({ type: 'bigint' })
  position!: number;

  @Column({ type: 'bigint' })
  size!: number;

  /** Of a part that may be the whole upload. */
  @Column({ type: 'text', nullable: true })
  sha256!: string | null;

  @Column({ type: 'text' })
  backend!: string;

  @Column({ name: 'instance_id', type: 'text' })
  instanceId!: string;

  @Column({ type: 'text' })
  key!: string;
}
