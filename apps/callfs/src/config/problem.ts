/** Where a value was set. Lines and columns count from 1. */
export type Place =
  | { readonly kind: 'file'; readonly file: string; readonly line: number; readonly column: number }
  | { readonly kind: 'variable'; readonly variable: string }
  | { readonly kind: 'default' }
  /** Chosen because there is neither a file nor a variable. */
  | { readonly kind: 'embedded' };

/** One thing that is wrong with the configuration. It never holds a value, only keys and what was expected. */
export interface ConfigProblem {
  /** `server.listen_addr`, `auth.users[0].keys[1]`; empty when it is the file as a whole. */
  readonly key: string;
  readonly message: string;
  readonly place: Place;
}

/** `config.yaml:3:5`, `CALLFS_LOG_LEVEL`, or empty for a default. */
export function describePlace(place: Place): string {
  if (place.kind === 'file') return `${place.file}:${place.line}:${place.column}`;
  return place.kind === 'variable' ? place.variable : '';
}

/** One line: place, key, what is expected. */
export function describeProblem({ place, key, message }: ConfigProblem): string {
  return [describePlace(place), key, message].filter((part) => part !== '').join(': ');
}

/** As one reads: down the file, then the variables, then what is missing altogether. */
export function inOrder(problems: readonly ConfigProblem[]): ConfigProblem[] {
  const rank = ({ place }: ConfigProblem): number[] =>
    place.kind === 'file' ? [0, place.line, place.column] : place.kind === 'variable' ? [1, 0, 0] : [2, 0, 0];
  return [...problems].sort((a, b) => {
    const [left, right] = [rank(a), rank(b)];
    const differing = left.findIndex((part, index) => part !== right[index]);
    return differing < 0 ? 0 : (left[differing] ?? 0) - (right[differing] ?? 0);
  });
}

const LONGEST_NAME = 64;
const LONGEST_PATH = 1024;

/** A name that somebody else chose, fit to print: no control characters, not endless, no password in a URL. */
export function printable(name: string): string {
  return shortened(name, LONGEST_NAME);
}

/** The path of a file, whole, since its end is what names it; never the text of a key that stands where its path should. */
export function printablePath(path: string): string {
  return path.includes('-----BEGIN') ? '***' : shortened(path, LONGEST_PATH);
}

function shortened(text: string, longest: number): string {
  const clean = maskName(text).replace(/[^\x20-\x7e\u00a0-\u1fff]/g, '?');
  return clean.length > longest ? `${clean.slice(0, longest)}…` : clean;
}

function maskName(name: string): string {
  return name.includes('://') ? '***' : name;
}
