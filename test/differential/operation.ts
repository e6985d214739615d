/** One request, as plain data: it can be done on either side, printed, and replayed. Paths begin with `/`, the root of the run. */
export type Operation = Act & { readonly by: string };

type Act =
  | { readonly kind: 'post'; readonly path: string; readonly body: string; readonly mode?: number }
  | { readonly kind: 'put'; readonly path: string; readonly body: string; readonly mode?: number }
  | { readonly kind: 'get'; readonly path: string }
  | { readonly kind: 'stat'; readonly path: string; readonly follow: boolean }
  | { readonly kind: 'list'; readonly path: string; readonly recursive: boolean }
  | { readonly kind: 'mkdir'; readonly path: string; readonly mode?: number }
  | { readonly kind: 'remove'; readonly path: string; readonly recursive: boolean }
  | {
      readonly kind: 'rename';
      readonly path: string;
      readonly to: string;
      readonly overwrite: boolean;
      readonly createParents: boolean;
    }
  | { readonly kind: 'copy'; readonly path: string; readonly to: string; readonly overwrite: boolean }
  | { readonly kind: 'copyTree'; readonly path: string; readonly to: string }
  | { readonly kind: 'symlink'; readonly path: string; readonly target: string }
  | { readonly kind: 'chmod'; readonly path: string; readonly mode: number }
  | { readonly kind: 'chown'; readonly path: string; readonly uid?: number; readonly gid?: number; readonly follow: boolean }
  | { readonly kind: 'utimes'; readonly path: string; readonly seconds: number | 'now' };

/** What came of an operation: the status that the API has for it, and what it said when it succeeded. */
export interface Outcome {
  readonly status: number;
  readonly value?: string;
  /** Tells a reader more; not compared. */
  readonly note?: string;
}

/** Every inode below the outermost directory of a run, by path: type, mode, uid, gid, size, links and target in one line. */
export type Snapshot = Readonly<Record<string, string>>;

/** A file system on which a run can be done: the server's, or the kernel's. */
export interface Side {
  /** Makes an empty root that only this run uses, below directories of the same names on both sides. */
  begin(run: Run): Promise<void>;
  perform(operation: Operation, run: Run): Promise<Outcome>;
  snapshot(run: Run): Promise<Snapshot>;
}

/** Where a run takes place: absolute paths, the same on both sides, so that absolute link targets mean the same. */
export interface Run {
  /** Compared as a whole. */
  readonly outermost: string;
  /** Below some directories of root's, so that a link with ".." stays inside `outermost`. */
  readonly root: string;
}

/** Mode, as the API writes it. */
export function octal(mode: number): string {
  return mode.toString(8).padStart(4, '0');
}
