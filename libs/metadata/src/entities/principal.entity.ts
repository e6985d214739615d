import { Column, Entity, PrimaryColumn } from 'typeorm';

/** A user or group: a name for a number. */
@Entity('principal', { withoutRowid: true })
export class PrincipalEntity {
  @PrimaryColumn({ type: 'text' })
  kind!: 'user' | 'group';

  @PrimaryColumn({ type: 'bigint' })
  id!: number;

  @Column({ type: 'text' })
  name!: string;
}
