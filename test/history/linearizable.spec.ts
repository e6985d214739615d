import fc from 'fast-check';
import { expect, it } from 'vitest';
import { explainRegister, type HistoryEntry, type RegisterOperation, type RegisterState } from './linearizable';

let count = 0;
const at = (calledAt: number, returnedAt: number, operation: RegisterOperation): HistoryEntry => ({
  operation,
  calledAt,
  returnedAt,
  client: `c${++count}`,
});
const read = (saw: RegisterState): RegisterOperation => ({ kind: 'read', saw });
const write = (value: string): RegisterOperation => ({ kind: 'write', value });
const swap = (expected: RegisterState, value: RegisterState, done = true): RegisterOperation => ({
  kind: 'swap',
  expected,
  value,
  done,
});
const remove = (done = true): RegisterOperation => ({ kind: 'delete', done });

it.each<[string, HistoryEntry[]]>([
  [
    'one after the other',
    [at(0, 1, write('a')), at(2, 3, read('a')), at(4, 5, remove()), at(6, 7, read(null)), at(8, 9, remove(false))],
  ],
  ['a read that overlaps a write sees either', [at(0, 10, write('a')), at(1, 2, read(null)), at(3, 4, read('a'))]],
  ['overlapping writes in any order', [at(0, 10, write('a')), at(0, 10, write('b')), at(11, 12, read('a'))]],
  ['one of two swaps', [at(0, 1, write('a')), at(2, 5, swap('a', 'b')), at(2, 5, swap('a', 'c', false)), at(6, 7, read('b'))]],
  ['a write of unknown outcome that nobody saw', [at(0, 1, write('a')), at(2, Infinity, write('b')), at(3, 4, read('a'))]],
  ['a write of unknown outcome that was seen late', [at(0, Infinity, write('a')), at(1, 2, read(null)), at(50, 60, read('a'))]],
  ['a removal of unknown outcome', [at(0, 1, write('a')), at(2, Infinity, remove()), at(3, 4, read('a')), at(5, 6, read(null))]],
  ['a removal of unknown outcome that never happened', [at(0, 1, write('a')), at(2, Infinity, remove()), at(3, 4, read('a'))]],
  ['a value that was moved away', [at(0, 1, write('a')), at(2, 5, swap('a', null)), at(3, 4, read('a')), at(6, 7, read(null))]],
  [
    'a move of unknown outcome',
    [at(0, 1, write('a')), at(2, Infinity, swap('a', null)), at(3, 4, read('a')), at(5, 6, read(null))],
  ],
  ['a move of what was replaced', [at(0, 1, write('a')), at(2, 3, write('b')), at(4, 5, swap('a', null, false))]],
])('explains %s', (_what, history) => {
  expect(explainRegister(history)).toBeUndefined();
});

it.each<[string, HistoryEntry[]]>([
  ['a lost write', [at(0, 1, write('a')), at(2, 3, read(null))]],
  ['a stale read', [at(0, 1, write('a')), at(2, 3, write('b')), at(4, 5, read('a'))]],
  ['a read that goes back', [at(0, 10, write('a')), at(1, 2, read('a')), at(3, 4, read(null))]],
  ['two winners', [at(0, 1, write('a')), at(2, 5, swap('a', 'b')), at(2, 5, swap('a', 'c'))]],
  ['two creators', [at(0, 9, swap(null, 'a')), at(0, 9, swap(null, 'b'))]],
  ['a refusal without a reason', [at(0, 1, write('a')), at(2, 3, swap('a', 'b', false))]],
  ['a value from nowhere', [at(0, 1, read('x'))]],
  ['a removal of nothing', [at(0, 1, remove())]],
  ['a value that was moved away and is still there', [at(0, 1, write('a')), at(2, 3, swap('a', null)), at(4, 5, read('a'))]],
  ['a value that was moved away twice', [at(0, 1, write('a')), at(2, 5, swap('a', null)), at(2, 5, swap('a', null))]],
  ['a move that arrived nowhere', [at(0, 1, write('moved')), at(2, 3, read(null))]],
  [
    'a write of unknown outcome seen, then unseen',
    [at(0, 1, write('a')), at(2, Infinity, write('b')), at(3, 4, read('b')), at(5, 6, read('a'))],
  ],
])('finds %s', (_what, history) => {
  expect(explainRegister(history)).toMatch(/^No order explains/);
});

/** A register that really is one: every operation takes effect at one random moment within its span. */
const histories = fc
  .array(
    fc.record({
      kind: fc.constantFrom('read', 'write', 'swap', 'delete'),
      start: fc.nat(1000),
      length: fc.integer({ min: 1, max: 120 }),
      point: fc.double({ min: 0, max: 1, noNaN: true }),
      guess: fc.nat(5),
      lost: fc.boolean(),
    }),
    { minLength: 1, maxLength: 60 },
  )
  .map((plans) => {
    const operations = plans.map((plan, index) => ({ ...plan, index, effect: plan.start + plan.point * plan.length }));
    let state: RegisterState = null;
    const past: RegisterState[] = [null];
    const history: HistoryEntry[] = [];
    for (const { kind, start, length, index, guess, lost } of operations.sort((a, b) => a.effect - b.effect)) {
      const value = `v${index}`;
      const expected: RegisterState = past[past.length - 1 - (guess % past.length)] ?? null;
      const operation: RegisterOperation =
        kind === 'read'
          ? read(state)
          : kind === 'write'
            ? write(value)
            : kind === 'swap'
              ? swap(expected, value, expected === state)
              : remove(state !== null);
      if (operation.kind === 'write' || (operation.kind === 'swap' && operation.done)) state = value;
      if (operation.kind === 'delete') state = null;
      past.push(state);
      const isLost =
        lost &&
        (operation.kind === 'write' ||
          (operation.kind === 'swap' && operation.done) ||
          (operation.kind === 'delete' && operation.done));
      history.push(at(start, isLost ? Infinity : start + length, operation));
    }
    return history;
  });

it('explains every history of a real register', () => {
  fc.assert(
    fc.property(histories, (history) => explainRegister(history) === undefined),
    { numRuns: 500 },
  );
});

it('finds a read of a value that had been replaced before it began, wherever it is put', () => {
  const broken = fc.tuple(histories, fc.nat()).map(([history, where]) => {
    const end = Math.max(...history.map(({ calledAt, returnedAt }) => (returnedAt === Infinity ? calledAt : returnedAt)));
    const old = `old${where}`;
    return [
      ...history,
      at(end + 1, end + 2, write(old)),
      at(end + 3, end + 4, write('new')),
      at(end + 5 + (where % 7), end + 20, read(old)),
    ];
  });
  fc.assert(
    fc.property(broken, (history) => explainRegister(history) !== undefined),
    { numRuns: 300 },
  );
});
