import * as fs from 'node:fs';
import { join } from 'node:path';
import { isMap, isScalar, LineCounter, parseDocument, type Node, type Pair } from 'yaml';
import { CONFIG_KEY_NAMES, CONFIG_KEYS, variablesOf, type ConfigKeyName } from './config-keys';
import type { ConfigProblem } from './config-problem';
import { nearest } from './nearest';

/** A value as it was written, and where. */
export interface RawSetting {
  readonly value: unknown;
  readonly where: string;
}

export type RawSettings = ReadonlyMap<ConfigKeyName, RawSetting>;

const DEFAULT_FILES = ['config.yaml', 'config.yml', 'config.json'];

/** The file that counts: the one named, else the first default that exists. */
export function findConfigFile(cwd: string, named?: string): string | undefined {
  return named ?? DEFAULT_FILES.map((name) => join(cwd, name)).find((path) => fs.existsSync(path));
}

/** Reads YAML or JSON (which is YAML) with the place of each key. */
export function readFileSettings(path: string, problems: ConfigProblem[]): RawSettings {
  const settings = new Map<ConfigKeyName, RawSetting>();
  let source: string;
  try {
    source = fs.readFileSync(path, 'utf8');
  } catch (error) {
    const { code = 'error' } = error as NodeJS.ErrnoException;
    problems.push({
      key: '--config',
      where: path,
      message: `cannot be read (${code}); name an existing file that this user may read`,
    });
    return settings;
  }
  const lines = new LineCounter();
  const document = parseDocument(source, { lineCounter: lines, uniqueKeys: true });
  const place = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return `${path}:${line}:${col}`;
  };
  for (const { pos, code } of document.errors)
    problems.push({ key: 'syntax', where: place(pos[0]), message: `not valid YAML (${code})` });
  if (document.errors.length > 0 || document.contents === null) return settings;
  if (!isMap(document.contents)) {
    problems.push({ key: 'syntax', where: place(0), message: 'expected a map of sections such as "server:"' });
    return settings;
  }
  const walk = (items: readonly Pair[], prefix: string) => {
    for (const { key, value } of items) {
      const keyNode = key as Node;
      const where = place(keyNode.range?.[0] ?? 0);
      const name = prefix + String(isScalar(key) ? key.value : key);
      const known = knownKey(name);
      if (known) settings.set(known, { value: (value as Node | null)?.toJSON() as unknown, where });
      else if (isMap(value) && isSection(name)) walk(value.items, `${name}.`);
      else if (!(isSection(name) && (value === null || (isScalar(value) && value.value === null))))
        problems.push(unknownKey(name, where));
    }
  };
  walk(document.contents.items, '');
  return settings;
}

/** Reads `CALLFS_…` variables; `<VAR>_FILE` names a file with the value. */
export function readVariables(variables: NodeJS.ProcessEnv, problems: ConfigProblem[]): RawSettings {
  const settings = new Map<ConfigKeyName, RawSetting>();
  const names = new Map<string, ConfigKeyName>();
  for (const key of CONFIG_KEY_NAMES) for (const variable of variablesOf(key)) names.set(variable, key);
  names.set('CALLFS_DEBUG_PAUSE_AT', 'debug.pause_at').set('CALLFS_TEST_PAUSE_AT', 'debug.pause_at');
  for (const [variable, value] of Object.entries(variables)) {
    if (!variable.startsWith('CALLFS_') || value === undefined || FOREIGN.has(variable)) continue;
    const key = names.get(variable) ?? flatKey(variable, names);
    if (key) {
      settings.set(key, { value, where: variable });
      continue;
    }
    const fileKey = variable.endsWith('_FILE') ? names.get(variable.slice(0, -5)) : undefined;
    if (!fileKey) {
      const near = nearest(variable, [...names.keys()]);
      problems.push({ key: variable, message: `unknown variable${near ? `; did you mean ${near}?` : ''}` });
      continue;
    }
    try {
      settings.set(fileKey, { value: fs.readFileSync(value, 'utf8').trim(), where: variable });
    } catch (error) {
      const { code = 'error' } = error as NodeJS.ErrnoException;
      problems.push({ key: fileKey, where: variable, message: `the file it names cannot be read (${code})` });
    }
  }
  return settings;
}

/** Of the command line's client, not of the server. */
const FOREIGN = new Set(['CALLFS_URL', 'CALLFS_API_KEY']);

/** `CALLFS_BACKEND_S3_ACCESS_KEY` is regular already; the flat spelling in files is `s3_access_key`. */
function flatKey(variable: string, names: ReadonlyMap<string, ConfigKeyName>): ConfigKeyName | undefined {
  return names.get(variable.replace('CALLFS_BACKEND__S3_', 'CALLFS_BACKEND_S3_'));
}

function knownKey(name: string): ConfigKeyName | undefined {
  const regular = name.replace(/^backend\.s3_/, 'backend.s3.');
  return regular in CONFIG_KEYS ? (regular as ConfigKeyName) : undefined;
}

function isSection(name: string): boolean {
  return CONFIG_KEY_NAMES.some((key) => key.startsWith(`${name}.`));
}

function unknownKey(name: string, where: string): ConfigProblem {
  const near = nearest(name, CONFIG_KEY_NAMES);
  return { key: name, where, message: `unknown key${near ? `; did you mean ${near}?` : ''}` };
}
