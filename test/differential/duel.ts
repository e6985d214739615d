import type { Generator, Seen } from './generator';
import type { Operation, Outcome, Run, Side, Snapshot } from './operation';
import { scriptOf } from './script';
import { shrink } from './shrink';
import { DIFFERENTIAL_USERS } from './users';

/** Fresh after so many operations, so that a failing run is short enough to be shrunk quickly. */
const RUN_LENGTH = 250;
/** While all is well, the whole tree is compared this often. */
const COMPARE_EVERY = 10;
/** Directories of root's above the root of a run; as many ".." a link would take to leave the run. */
const DEPTH = 8;

/** Where the two sides said or made different things. */
export interface Disagreement {
  /** Which step of the run. */
  readonly index: number;
  readonly what: string;
}

/** Has both sides do the same operations and compares what they say and what they make. */
export class Duel {
  private runs = 0;

  constructor(
    private readonly kernel: Side,
    private readonly server: Side,
    private readonly home: string,
  ) {}

  /** Random operations in runs of their own. Throws with a minimal script when the sides disagree. */
  async random(generator: Generator, count: number): Promise<Map<string, number>> {
    const tally = new Map<string, number>();
    for (let done = 0; done < count; done += RUN_LENGTH) {
      const run = await this.begin();
      generator.restart();
      const length = Math.min(RUN_LENGTH, count - done);
      const operations: Operation[] = [];
      let seen: readonly Seen[] = [];
      for (let index = 0; index < length; index++) {
        const operation = generator.next(seen, run);
        operations.push(operation);
        const status = await this.step(operation, index, run);
        const compare = index % COMPARE_EVERY === COMPARE_EVERY - 1 || index === length - 1;
        const tree = typeof status === 'number' && compare ? await this.compareTrees(index, run) : undefined;
        if (typeof status !== 'number') throw await this.explained(operations, status);
        if (tree && 'what' in tree) throw await this.explained(operations, tree);
        if (tree) seen = seenIn(tree.snapshot, run);
        const key = `${operation.kind} ${status}`;
        tally.set(key, (tally.get(key) ?? 0) + 1);
      }
    }
    return tally;
  }

  /** Does `operations` in a root of their own, comparing everything after each; where they disagree, if they do. */
  async replay(operations: readonly Operation[]): Promise<{ run: Run; disagreement?: Disagreement }> {
    const run = await this.begin();
    for (const [index, operation] of operations.entries()) {
      const status = await this.step(moved(operation, run), index, run);
      if (typeof status !== 'number') return { run, disagreement: status };
      const tree = await this.compareTrees(index, run);
      if ('what' in tree) return { run, disagreement: tree };
    }
    return { run };
  }

  private async begin(): Promise<Run> {
    const outermost = `${this.home}/${String(++this.runs).padStart(6, '0')}`;
    const run = { outermost, root: outermost + '/r'.repeat(DEPTH) };
    await Promise.all([this.kernel.begin(run), this.server.begin(run)]);
    return run;
  }

  private async step(operation: Operation, index: number, run: Run): Promise<number | Disagreement> {
    const [kernel, server] = await Promise.all([this.kernel.perform(operation, run), this.server.perform(operation, run)]);
    if (kernel.status === server.status && kernel.value === server.value) return kernel.status;
    return { index, what: `kernel: ${shown(kernel)}\nserver: ${shown(server)}` };
  }

  private async compareTrees(index: number, run: Run): Promise<{ snapshot: Snapshot } | Disagreement> {
    const [kernel, server] = await Promise.all([this.kernel.snapshot(run), this.server.snapshot(run)]);
    const paths = [...new Set([...Object.keys(kernel), ...Object.keys(server)])].sort();
    const different = paths.filter((path) => kernel[path] !== server[path]);
    if (different.length === 0) return { snapshot: kernel };
    const lines = different.map(
      (path) => `${path}\n  kernel: ${kernel[path] ?? 'nothing'}\n  server: ${server[path] ?? 'nothing'}`,
    );
    return { index, what: lines.join('\n') };
  }

  private async explained(operations: readonly Operation[], first: Disagreement): Promise<Error> {
    const fails = async (some: readonly Operation[]) => (await this.replay(some)).disagreement !== undefined;
    // Replays compare after every step, so the step that differs is the last one needed.
    const whole = (await this.replay(operations)).disagreement;
    if (!whole) return new Error(`The server and the kernel disagreed once, but not again in a replay.\n${first.what}`);
    const smallest = await shrink(operations.slice(0, whole.index + 1), fails);
    const { run, disagreement } = await this.replay(smallest);
    return new Error(`The server and the kernel disagree.\n${scriptOf(smallest, run)}\n\n${disagreement?.what ?? first.what}`);
  }
}

function shown({ status, value, note }: Outcome): string {
  return [status, value === undefined ? '' : JSON.stringify(value), note ?? ''].filter((part) => part !== '').join(' ');
}

/** The tree below the root of the run, as operations name it. */
function seenIn(snapshot: Snapshot, { outermost, root }: Run): Seen[] {
  const prefix = `${root.slice(outermost.length)}/`;
  return Object.entries(snapshot)
    .filter(([path]) => path.startsWith(prefix))
    .map(([path, line]) => {
      const [type, , uid] = line.split(' ');
      const owner = Number(uid) === 0 ? 'root' : DIFFERENTIAL_USERS.find((user) => user.uid === Number(uid))?.name;
      return { path: path.slice(prefix.length - 1), isFile: type === 'file', owner };
    });
}

/** With a link's absolute target in the root of this run instead of the one that it was invented for; all are equally long. */
function moved(operation: Operation, { root }: Run): Operation {
  if (operation.kind !== 'symlink' || !operation.target.startsWith('/')) return operation;
  return { ...operation, target: root + operation.target.slice(root.length) };
}
