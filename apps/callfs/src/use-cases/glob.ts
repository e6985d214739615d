import { CallfsError } from '@callfs/core';

/** Longer patterns have no use: a name has at most 255 bytes, and each of its characters may be escaped or a class. */
const PATTERN_MAX_LENGTH = 1024;

const STAR = Symbol('*');

/** Judges one code point. */
type Token = (codePoint: number) => boolean;

/** A pattern that was found valid. */
export interface Glob {
  matches(name: string): boolean;
}

/**
 * Compiles a pattern for one name: `*` any characters, `?` one, `[a-z]` one of, `[!a-z]` one not of, `\` takes the
 * next literally. As `find -name` has it, case counts and a leading dot is not special. `INVALID_REQUEST`.
 */
export function compileGlob(pattern: string): Glob {
  const tokens = parse(pattern);
  return { matches: (name) => matchTokens(tokens, codePoints(name)) };
}

/**
 * Takes at most (tokens + 1) × (name + 1) steps: only the last `*` met is ever tried again one character later,
 * since whatever an earlier one could do differently, this one can make up for.
 */
export function matchTokens(tokens: readonly (Token | typeof STAR)[], name: ArrayLike<number>): boolean {
  let token = 0;
  let at = 0;
  let star = -1;
  let retryAt = 0;
  while (at < name.length) {
    const wanted = tokens[token];
    if (wanted === STAR) {
      star = token++;
      retryAt = at;
    } else if (wanted?.(name[at] ?? 0)) {
      token++;
      at++;
    } else if (star >= 0) {
      token = star + 1;
      at = ++retryAt;
    } else {
      return false;
    }
  }
  while (tokens[token] === STAR) token++;
  return token === tokens.length;
}

/** Exported for the proof of its bound. */
export function parse(pattern: string): (Token | typeof STAR)[] {
  if (pattern === '') throw invalid('it is empty');
  if (pattern.length > PATTERN_MAX_LENGTH) throw invalid(`it is longer than ${PATTERN_MAX_LENGTH} characters`);
  const points = codePoints(pattern.normalize('NFC'));
  const tokens: (Token | typeof STAR)[] = [];
  for (let i = 0; i < points.length; i++) {
    const char = String.fromCodePoint(points[i] ?? 0);
    if (char === '/') throw invalid('a name holds no "/"');
    if (char === '*') {
      if (tokens.at(-1) !== STAR) tokens.push(STAR);
    } else if (char === '?') {
      tokens.push(() => true);
    } else if (char === '[') {
      const { token, end } = parseClass(points, i + 1);
      tokens.push(token);
      i = end;
    } else {
      if (char === '\\') i++;
      tokens.push(literal(points[i]));
    }
  }
  return tokens;
}

function literal(wanted: number | undefined): Token {
  if (wanted === undefined) throw invalid('nothing follows the last "\\"');
  return (codePoint) => codePoint === wanted;
}

/** Reads from behind `[` to the `]`, which is literal when it comes first. */
function parseClass(points: readonly number[], start: number): { token: Token; end: number } {
  const ranges: [first: number, last: number][] = [];
  let i = start;
  const isNegated = points[i] === code('!');
  if (isNegated) i++;
  const firstMember = i;
  const member = (): number => {
    if (points[i] === code('\\')) i++;
    const point = points[i++];
    if (point === undefined) throw invalid('"[" has no "]"');
    return point;
  };
  while (points[i] !== code(']') || i === firstMember) {
    const first = member();
    let last = first;
    if (points[i] === code('-') && points[i + 1] !== undefined && points[i + 1] !== code(']')) {
      i++;
      last = member();
      if (last < first) throw invalid('a range in "[…]" runs backwards');
    }
    ranges.push([first, last]);
  }
  const holds: Token = (codePoint) => ranges.some(([first, last]) => codePoint >= first && codePoint <= last);
  return { token: isNegated ? (codePoint) => !holds(codePoint) : holds, end: i };
}

function codePoints(text: string): number[] {
  return Array.from(text, code);
}

function code(char: string): number {
  return char.codePointAt(0) ?? 0;
}

function invalid(reason: string): CallfsError {
  return new CallfsError('INVALID_REQUEST', `The glob is invalid: ${reason}.`);
}
