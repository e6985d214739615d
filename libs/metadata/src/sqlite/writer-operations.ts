import type { ContentId, Replica } from '@callfs/core';
import type { ReplicaChange } from '../metadata-store';
import type { TableStatement } from '../metadata-tables';
import type { Principal, PrincipalRequest } from '../principal';
import type { Changed } from './changed';
import type { ContentRows } from './content-rows';
import type { FenceRows } from './fence-rows';
import { ensurePrincipals } from './principal-rows';
import type { Statements } from './statement-cache';
import { runTableStatement } from './sqlite-tables';
import { TreeTransactions } from './tree-transactions';
import type { Totals } from './totals';

/** Everything the writer thread can be asked for, by the names that requests carry. */
export class WriterOperations extends TreeTransactions {
  constructor(
    private readonly statements: Statements,
    private readonly contentRows: ContentRows,
    private readonly fenceRows: FenceRows,
    totals: Totals,
  ) {
    super(statements, contentRows, fenceRows, totals);
  }

  forget(_changed: Changed, blobs: readonly Replica[]): void {
    this.contentRows.forget(blobs);
  }

  condemn(_changed: Changed, blobs: readonly Replica[]): Replica[] {
    return this.contentRows.condemn(blobs);
  }

  changeReplicas(changed: Changed, content: ContentId, change: ReplicaChange): void {
    this.contentRows.changeReplicas(changed, content, change);
  }

  tables(_changed: Changed, statements: readonly TableStatement[]): unknown[][] {
    return statements.map((statement) => runTableStatement(this.statements, statement));
  }

  raiseFence(_changed: Changed, lockNames: readonly string[], token: number): void {
    this.fenceRows.raise(lockNames, token);
  }

  reserveFences(_changed: Changed, count: number): number {
    return this.fenceRows.reserve(count);
  }

  ping(): void {
    // That it is answered is the answer.
  }

  ensurePrincipals(_changed: Changed, wanted: readonly PrincipalRequest[]): Principal[] {
    return ensurePrincipals(this.statements, wanted);
  }
}
