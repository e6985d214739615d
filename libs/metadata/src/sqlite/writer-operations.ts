import type { ContentId, Replica } from '@callfs/core';
import type { CommitGuard, CondemnOptions, ReplicaChange } from '../metadata-store';
import type { TableStatement } from '../metadata-tables';
import type { Principal, PrincipalRequest } from '../principal';
import { mend } from '../verification/mend';
import type { MetadataFault, RepairOutcome } from '../verification/metadata-fault';
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
    private readonly allTotals: Totals,
  ) {
    super(statements, contentRows, fenceRows, allTotals);
  }

  forget(_changed: Changed, blobs: readonly Replica[]): void {
    this.contentRows.forget(blobs);
  }

  condemn(_changed: Changed, blobs: readonly Replica[], options?: CondemnOptions): Replica[] {
    return this.contentRows.condemn(blobs, options);
  }

  changeReplicas(changed: Changed, content: ContentId, change: ReplicaChange, guard?: CommitGuard): void {
    this.start(guard);
    this.contentRows.changeReplicas(changed, content, change);
  }

  tables(_changed: Changed, statements: readonly TableStatement[], blobs: readonly Replica[] = []): unknown[][] {
    for (const blob of blobs) this.contentRows.refuseCondemned(blob);
    return statements.map((statement) => runTableStatement(this.statements, statement));
  }

  raiseFence(_changed: Changed, lockNames: readonly string[], token: number): void {
    this.fenceRows.raise(lockNames, token);
  }

  reserveFences(_changed: Changed, count: number): number {
    return this.fenceRows.reserve(count);
  }

  repair(changed: Changed, fault: MetadataFault): RepairOutcome {
    // What the operations before have added to the totals is in the tables already, and is to be in the totals as well.
    this.allTotals.flush();
    const mending = mend(fault, new Date());
    let step = mending.next();
    while (!step.done) step = mending.next(this.statements.rows(step.value.sql, ...(step.value.parameters ?? [])));
    if (step.value === 'repaired') changed.add(['anything']);
    return step.value;
  }

  ping(): void {
    // That it is answered is the answer.
  }

  ensurePrincipals(_changed: Changed, wanted: readonly PrincipalRequest[]): Principal[] {
    return ensurePrincipals(this.statements, wanted);
  }
}
