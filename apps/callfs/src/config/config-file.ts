import { existsSync, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { isCollection, isScalar, LineCounter, parseDocument, type Document, type ErrorCode, type Node } from 'yaml';
import type { ConfigProblem, Place } from './problem';

/** Looked for in the working directory, in this order. */
export const DEFAULT_FILES = ['config.yaml', 'config.yml', 'config.json'] as const;
const MAX_BYTES = 1024 * 1024;
/** Anchors are fine; a file whose aliases unfold to more than this is an attack. */
const MAX_ALIASES = 100;

/** The path from the root of a file to one of its values. */
export type ValuePath = readonly (string | number)[];

/** A configuration file as it was read. */
export interface ConfigFile {
  readonly sections: Readonly<Record<string, unknown>>;
  readonly problems: readonly ConfigProblem[];
  /** Of a value, or of the nearest thing around it that has a place in the text. */
  placeOf(path: ValuePath): Place;
}

export interface FoundFile {
  readonly path: string;
  /** As the operator calls it. */
  readonly shown: string;
}

/** The file to read: the one that was named, else the first of the default ones that exists. */
export function findConfigFile(named: string | undefined, cwd: string): FoundFile | undefined {
  const shown = named ?? DEFAULT_FILES.find((name) => existsSync(join(cwd, name)));
  return shown === undefined ? undefined : { path: resolve(cwd, shown), shown };
}

/** Reads YAML, or JSON, which is YAML. Never throws for what the file is or holds. */
export function readConfigFile({ path, shown }: FoundFile): ConfigFile {
  const text = readText(path);
  if (typeof text !== 'string') return unusable(shown, text.problem);
  const lines = new LineCounter();
  // The library's own messages quote the text of the file, where the secrets are.
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, logLevel: 'silent' });
  const placeAt = (offset: number): Place => {
    const { line, col } = lines.linePos(offset);
    return { kind: 'file', file: shown, line: Math.max(1, line), column: Math.max(1, col) };
  };
  const problems = [...document.errors, ...document.warnings].map(({ code, pos }): ConfigProblem => ({
    key: '',
    message: EXPLANATIONS[code] ?? 'is not valid YAML here',
    place: placeAt(pos[0]),
  }));
  if (document.errors.length > 0) return { sections: {}, problems: problems.slice(0, 1), placeOf: () => placeAt(0) };
  const root = plainValue(document);
  if (!root.ok) return unusable(shown, 'its aliases refer to nothing, or unfold to too much');
  const placeOf = (valuePath: ValuePath) => placeAt(offsetOf(document, valuePath));
  if (root.value === null || root.value === undefined) return { sections: {}, problems, placeOf };
  if (!isMap(root.value)) return unusable(shown, 'expected a map of sections, such as "server:" and "auth:"');
  return { sections: root.value, problems, placeOf };
}

export function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const WHY_UNREADABLE: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file; "callfs config init --output FILE" makes one',
  EACCES: 'permission denied; it is to be readable by the user that runs CallFS',
};

function readText(path: string): string | { problem: string } {
  try {
    const stat = statSync(path);
    if (stat.isDirectory()) return { problem: 'is a directory; expected a YAML or JSON file' };
    if (stat.size > MAX_BYTES) return { problem: 'is larger than 1 MiB; this is hardly a configuration' };
    return readFileSync(path, 'utf8').replace(/^\ufeff/, '');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    return { problem: `cannot be read: ${WHY_UNREADABLE[code] ?? code}` };
  }
}

function unusable(shown: string, message: string): ConfigFile {
  const place: Place = { kind: 'file', file: shown, line: 1, column: 1 };
  return { sections: {}, problems: [{ key: '', message, place }], placeOf: () => place };
}

function plainValue(document: Document): { ok: true; value: unknown } | { ok: false } {
  try {
    return { ok: true, value: document.toJS({ maxAliasCount: MAX_ALIASES }) as unknown };
  } catch (error) {
    // yaml: an alias without an anchor, or too many of them.
    if (error instanceof ReferenceError) return { ok: false };
    throw error;
  }
}

/** Walks as far as the nodes go; a value behind an alias has the place of the alias. A key's place is the key's own. */
function offsetOf(document: Document, path: ValuePath): number {
  let node: unknown = document.contents;
  let offset = document.contents?.range?.[0] ?? 0;
  for (const step of path) {
    if (!isCollection(node)) break;
    const pair = node.items.find((item, index) =>
      typeof step === 'number' && !('key' in (item as object))
        ? index === step
        : isKeyed(item) && isScalar(item.key) && String(item.key.value) === String(step),
    );
    if (pair === undefined) break;
    const [key, value] = isKeyed(pair) ? [pair.key, pair.value] : [pair, pair];
    offset = (key as Node).range?.[0] ?? offset;
    node = value;
  }
  return offset;
}

function isKeyed(item: unknown): item is { key: unknown; value: unknown } {
  return typeof item === 'object' && item !== null && 'key' in item;
}

const EXPLANATIONS: Partial<Record<ErrorCode, string>> = {
  BAD_ALIAS: 'is not valid YAML: an alias (*name) without an anchor; put the value in quotes if it begins with *',
  BAD_DQ_ESCAPE: 'is not valid YAML: unknown escape in double quotes; use single quotes or write \\\\',
  BAD_INDENT: 'is not valid YAML: wrong indentation, or a bracket that is not closed',
  BAD_SCALAR_START: 'is not valid YAML: a value that begins with @ or ` must be in quotes',
  BLOCK_AS_IMPLICIT_KEY: 'is not valid YAML: a second ": " on this line; put the value in quotes',
  DUPLICATE_KEY: 'this key is there twice',
  MISSING_CHAR: 'is not valid YAML: something is missing here, such as a closing quote, a comma or a space after ":"',
  MULTIPLE_DOCS: 'is not valid: one document only, without a second ---',
  TAB_AS_INDENT: 'is not valid YAML: indent with spaces, not tabs',
  TAG_RESOLVE_FAILED: 'is not valid: tags (!name) are not supported; put the value in quotes if it begins with !',
  UNEXPECTED_TOKEN: 'is not valid YAML: something is here that does not fit; check the indentation and the quotes',
};
