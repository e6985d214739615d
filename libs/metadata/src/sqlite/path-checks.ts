import { CallfsError, type InodeId } from '@callfs/core';
import type { AuthorisedPath, NewName, Target } from '../metadata-store';
import type { Statements } from './statement-cache';

interface StepRow {
  readonly id: InodeId;
  readonly type: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly version: number;
  readonly content_id: number | null;
}

const STEP = 'SELECT i.id, i.type, i.mode, i.uid, i.gid, i.version, i.content_id';
const ROOT_STEP = `${STEP} FROM inode i WHERE i.id = 1`;
const NEXT_STEP = `${STEP} FROM dentry d JOIN inode i ON i.id = d.inode_id WHERE d.parent_id = ? AND d.name = ?`;

/** An inode at the end of a path that was found to be as the caller saw it. */
export interface NamedTarget extends StepRow {
  /** The directory that names it. */
  readonly parent: InodeId;
  readonly name: string;
}

/** Finds again, inside the transaction, what a caller was judged by. */
export class PathChecks {
  constructor(private readonly sql: Statements) {}

  /** `CONFLICT` unless the names lead to the same inodes with the same access attributes. */
  path({ names, steps }: AuthorisedPath): StepRow {
    let row = this.sql.get<StepRow>(ROOT_STEP);
    for (let depth = 0; ; depth++) {
      const step = steps[depth];
      const same = row && step && row.id === step.id && row.mode === step.mode && row.uid === step.uid && row.gid === step.gid;
      if (!same) throw changed();
      if (depth === names.length) return row as StepRow;
      row = this.sql.get<StepRow>(NEXT_STEP, (row as StepRow).id, names[depth]);
    }
  }

  /** The same, and the inode must be in the version that was seen. */
  target({ path, version }: Target): StepRow {
    const row = this.path(path);
    if (row.version !== version) throw changed();
    return row;
  }

  /** The same for a target that is to lose its name. */
  named(target: Target): NamedTarget {
    const { names, steps } = target.path;
    const row = this.target(target);
    const parent = steps[steps.length - 2];
    const name = names[names.length - 1];
    if (!parent || name === undefined) throw new CallfsError('INVALID_REQUEST', '"/" can be neither removed nor moved.');
    return { ...row, parent: parent.id, name };
  }

  /** The directory of a new name, whose first name that is to be made must not be there. */
  directoryOf({ directory, missing, name }: NewName): InodeId {
    const { id, type } = this.path(directory);
    if (type !== 'directory') throw changed();
    this.mustBeFree(id, missing[0]?.name ?? name);
    return id;
  }

  mustBeFree(parent: InodeId, name: string): void {
    if (this.sql.get('SELECT 1 FROM dentry WHERE parent_id = ? AND name = ?', parent, name)) throw changed();
  }

  mustBeEmpty(directory: InodeId): void {
    if (this.sql.get('SELECT 1 FROM dentry WHERE parent_id = ? LIMIT 1', directory)) {
      throw new CallfsError(
        'DIRECTORY_NOT_EMPTY',
        'The directory is not empty; add "?recursive=true" to remove it with everything below it.',
      );
    }
  }
}

function changed(): CallfsError {
  return new CallfsError('CONFLICT', 'The path has changed since it was read.');
}
