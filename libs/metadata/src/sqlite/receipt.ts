import { CallfsError } from '@callfs/core';
import type { TableStatement } from '../metadata-tables';
import { runTableStatement } from './sqlite-tables';
import type { Statements } from './statement-cache';

/** Notes that the commit is made, in its own transaction. `STALE_LOCK` when there is nothing to note it on. */
export function signReceipt(statements: Statements, receipt: TableStatement): void {
  if (runTableStatement(statements, receipt).length > 0) return;
  throw new CallfsError('STALE_LOCK', 'Another request has taken this over before the commit; nothing has changed.');
}
