import { describe } from 'vitest';
import type { Graces } from '../graces';
import type { MetadataStore } from '../metadata-store';
import { changeCases } from './change-cases';
import { coherenceCases } from './coherence-cases';
import { concurrencyCases } from './concurrency-cases';
import { contentCases } from './content-cases';
import { creationCases } from './creation-cases';
import { faultCases } from './fault-cases';
import { fenceCases } from './fence-cases';
import { listCases } from './list-cases';
import { moveCases } from './move-cases';
import { nameCases } from './name-cases';
import { principalCases } from './principal-cases';
import { tableCases } from './table-cases';
import { treeAccessCases } from './tree-access-cases';
import { treeCases } from './tree-cases';

/** How the suite gets stores; whoever makes them closes them after the test. */
export interface Harness {
  /** A fresh, empty store. Contents without a reference may go at once, unless `graces` say otherwise. */
  readonly open: (graces?: Graces) => Promise<MetadataStore>;
  /** Closes the store and opens what it kept, as another start of the program would. */
  readonly reopen: (store: MetadataStore) => Promise<MetadataStore>;
  /** Closes the store, runs statements past it, and opens it again: what a bug or a bad disk may leave. */
  readonly corrupt: (store: MetadataStore, ...statements: readonly string[]) => Promise<MetadataStore>;
}

/** What every metadata store has to do. */
export function metadataStoreSuite(name: string, harness: Harness): void {
  describe(`${name}: creation`, () => creationCases(harness));
  describe(`${name}: changes of an inode`, () => changeCases(harness));
  describe(`${name}: moves`, () => moveCases(harness));
  describe(`${name}: names`, () => nameCases(harness));
  describe(`${name}: listing`, () => listCases(harness));
  describe(`${name}: contents`, () => contentCases(harness));
  describe(`${name}: whole trees`, () => treeCases(harness));
  describe(`${name}: permissions of whole trees`, () => treeAccessCases(harness));
  describe(`${name}: fences`, () => fenceCases(harness));
  describe(`${name}: principals`, () => principalCases(harness));
  describe(`${name}: tables beside the tree`, () => tableCases(harness));
  describe(`${name}: concurrency`, () => concurrencyCases(harness));
  describe(`${name}: faults`, () => faultCases(harness));
  describe(`${name}: coherence`, () => coherenceCases(harness));
}
