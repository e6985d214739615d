/*
 * Whether a history of operations on one register can be explained by some order in which each took effect at one moment
 * between its call and its return (Herlihy and Wing, 1990): the search of Wing and Gong with the cache of Lowe, over the
 * list of calls and returns in the order of time.
 *
 * An operation whose outcome its client never learned may have taken effect at any later time, or never. Since every
 * value is written once only, one that was seen had been written before the first reader of it returned; the others stay
 * open to the end, and the search may leave them out.
 */

/** What a register holds: the name of a value, or nothing. */
export type RegisterState = string | null;

export type RegisterOperation =
  | { readonly kind: 'read'; readonly saw: RegisterState }
  /** `value` is written by this operation alone. */
  | { readonly kind: 'write'; readonly value: string }
  /** Written (removed, for null) only where the state is `expected`; `done` false: it was not. */
  | { readonly kind: 'swap'; readonly expected: RegisterState; readonly value: RegisterState; readonly done: boolean }
  | { readonly kind: 'delete'; readonly done: boolean };

export interface HistoryEntry {
  readonly operation: RegisterOperation;
  /** Monotonic times of one clock. */
  readonly calledAt: number;
  /** Infinity: the outcome is not known; then a `done` is what it would have been. */
  readonly returnedAt: number;
  /** Who did it, for the message. */
  readonly client: string;
}

const UNSEEN = '?';

/** A history that has an explanation takes far fewer; one that has none could take for ever. */
const MAX_STEPS = 20_000_000;

/** What cannot be explained, in words; `undefined` when everything can. */
export function explainRegister(history: readonly HistoryEntry[], initial: RegisterState = null): string | undefined {
  const entries = decided(history);
  return isLinearizable(entries, initial) ? undefined : describe(smallestFailing(entries, initial));
}

/** The state after `operation`, or `undefined` when it cannot have happened in `state`. */
function apply(state: RegisterState, operation: RegisterOperation): RegisterState | undefined {
  switch (operation.kind) {
    case 'read':
      return operation.saw === state ? state : undefined;
    case 'write':
      return operation.value;
    case 'swap':
      if (operation.done) return operation.expected === state ? operation.value : undefined;
      return operation.expected === state ? undefined : state;
    case 'delete':
      if (operation.done) return state === null ? undefined : null;
      return state === null ? null : undefined;
  }
}

/** The history in which operations of unknown outcome end when what they wrote was first seen. */
function decided(history: readonly HistoryEntry[]): HistoryEntry[] {
  const firstSeen = new Map<string, number>();
  for (const { operation, returnedAt } of history) {
    const saw =
      operation.kind === 'read' ? operation.saw : operation.kind === 'swap' && operation.done ? operation.expected : null;
    if (saw !== null && returnedAt < (firstSeen.get(saw) ?? Infinity)) firstSeen.set(saw, returnedAt);
  }
  const named = new Set(history.map(({ operation }) => (operation.kind === 'swap' ? operation.expected : null)));
  return history.flatMap((entry) => {
    if (entry.returnedAt !== Infinity) return [entry];
    const { operation } = entry;
    if (operation.kind === 'read') return [];
    if (operation.kind === 'delete' || operation.value === null) return [entry];
    const seen = firstSeen.get(operation.value);
    if (seen !== undefined) return [{ ...entry, returnedAt: seen }];
    // What nobody ever saw is as good as anything else that nobody saw.
    if (named.has(operation.value)) return [entry];
    return [{ ...entry, operation: { ...operation, value: UNSEEN } }];
  });
}

/** A call or a return in the list that is searched. */
interface Node {
  readonly entry: HistoryEntry;
  readonly index: number;
  /** Of a call: its return. */
  match: Node | undefined;
  previous: Node | undefined;
  next: Node | undefined;
}

/** What may come next in some state, and which of it is tried. */
interface Frame {
  readonly state: RegisterState;
  readonly candidates: readonly Node[];
  next: number;
  /** The candidate that was taken, out of the list while what follows from it is tried. */
  taken: Node | undefined;
}

function isLinearizable(history: readonly HistoryEntry[], initial: RegisterState): boolean {
  const head = listOf(history);
  const done = new Uint32Array(Math.ceil(history.length / 32) || 1);
  const seen = new Set<string>();
  const frames: Frame[] = [{ state: initial, candidates: candidatesIn(head), next: 0, taken: undefined }];
  for (let steps = 0; ; steps++) {
    if (steps > MAX_STEPS) throw new Error(`No explanation of ${history.length} operations within ${MAX_STEPS} steps.`);
    const frame = frames[frames.length - 1];
    if (!frame) return false;
    // Only what has returned has to be explained.
    if (frame.candidates.every(isOpen)) return true;
    if (frame.taken) {
      unmark(done, frame.taken.index);
      unlift(frame.taken);
      frame.taken = undefined;
    }
    const call = frame.candidates[frame.next++];
    if (!call) {
      frames.pop();
      continue;
    }
    const after = apply(frame.state, call.entry.operation);
    if (after === undefined) continue;
    mark(done, call.index);
    const key = `${after ?? ''}|${done.join(',')}`;
    if (seen.has(key)) {
      unmark(done, call.index);
      continue;
    }
    seen.add(key);
    lift(call);
    frame.taken = call;
    frames.push({ state: after, candidates: candidatesIn(head), next: 0, taken: undefined });
  }
}

function isOpen({ entry }: Node): boolean {
  return entry.returnedAt === Infinity;
}

/** What was called before anything that is left has returned; what never returned comes last, for it is seldom needed. */
function candidatesIn(head: Node): Node[] {
  const closed: Node[] = [];
  const open: Node[] = [];
  for (let node = head.next; node; node = node.next) {
    if (node.match) (isOpen(node) ? open : closed).push(node);
    else if (!isOpen(node)) break;
  }
  return [...closed, ...firstOfEach(open)];
}

/** Of those that do the same, the one that was called first will do: the others can do no more, only later. */
function firstOfEach(open: readonly Node[]): Node[] {
  const first = new Map<string, Node>();
  for (const node of open) {
    const { operation } = node.entry;
    const value = operation.kind === 'write' || operation.kind === 'swap' ? operation.value : '';
    const what = `${operation.kind} ${operation.kind === 'swap' ? operation.expected : ''} ${value}`;
    if (!first.has(what)) first.set(what, node);
  }
  return [...first.values()];
}

function listOf(history: readonly HistoryEntry[]): Node {
  const calls = history.map((entry, index): Node => ({ entry, index, match: undefined, previous: undefined, next: undefined }));
  const events: { at: number; isReturn: boolean; node: Node }[] = [];
  for (const call of calls) {
    const end: Node = { entry: call.entry, index: call.index, match: undefined, previous: undefined, next: undefined };
    call.match = end;
    events.push(
      { at: call.entry.calledAt, isReturn: false, node: call },
      { at: call.entry.returnedAt, isReturn: true, node: end },
    );
  }
  // At the same moment, calls come first: the two overlap.
  events.sort((a, b) => (a.at === b.at ? Number(a.isReturn) - Number(b.isReturn) : a.at < b.at ? -1 : 1));
  const head: Node = {
    entry: { operation: { kind: 'read', saw: null }, calledAt: 0, returnedAt: 0, client: '' },
    index: -1,
    match: undefined,
    previous: undefined,
    next: undefined,
  };
  let tail = head;
  for (const { node } of events) {
    node.previous = tail;
    tail.next = node;
    tail = node;
  }
  return head;
}

/** Takes a call and its return out of the list. */
function lift(call: Node): void {
  for (const node of [call, call.match as Node]) {
    if (node.previous) node.previous.next = node.next;
    if (node.next) node.next.previous = node.previous;
  }
}

/** Puts them back, in the opposite order. */
function unlift(call: Node): void {
  for (const node of [call.match as Node, call]) {
    if (node.previous) node.previous.next = node;
    if (node.next) node.next.previous = node;
  }
}

function mark(bits: Uint32Array, index: number): void {
  bits[index >> 5] = (bits[index >> 5] ?? 0) | (1 << (index & 31));
}

function unmark(bits: Uint32Array, index: number): void {
  bits[index >> 5] = (bits[index >> 5] ?? 0) & ~(1 << (index & 31));
}

/** The shortest beginning of the history, by the time of return, that has no explanation. */
function smallestFailing(history: readonly HistoryEntry[], initial: RegisterState): HistoryEntry[] {
  const byReturn = [...history].sort((a, b) => a.returnedAt - b.returnedAt);
  let [low, high] = [0, byReturn.length];
  while (low + 1 < high) {
    const middle = (low + high) >> 1;
    if (isLinearizable(prefix(byReturn, middle), initial)) low = middle;
    else high = middle;
  }
  return prefix(byReturn, high);
}

/** What had returned by then; what was still under way may or may not have taken effect. */
function prefix(byReturn: readonly HistoryEntry[], length: number): HistoryEntry[] {
  const end = byReturn[length - 1]?.returnedAt ?? 0;
  const open = byReturn.slice(length).filter(({ calledAt, operation }) => calledAt <= end && operation.kind !== 'read');
  return [
    ...byReturn.slice(0, length),
    ...decided([...byReturn.slice(0, length), ...open.map((entry) => ({ ...entry, returnedAt: Infinity }))]).slice(length),
  ];
}

function describe(history: readonly HistoryEntry[]): string {
  const lines = history.slice(-25).map(({ operation, calledAt, returnedAt, client }) => {
    const end = returnedAt === Infinity ? 'unknown' : returnedAt.toFixed(1);
    return `${calledAt.toFixed(1)} – ${end} ms  ${client}  ${JSON.stringify(operation)}`;
  });
  return `No order explains these operations (the last of ${history.length}):\n${lines.join('\n')}`;
}
