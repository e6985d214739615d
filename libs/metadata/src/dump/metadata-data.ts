import type { DataSource } from 'typeorm';

/** The tables of a store that is not open, its schema up to date: what a dump is made of and loaded into. */
export interface MetadataData {
  readonly dataSource: DataSource;
  close(): Promise<void>;
}
