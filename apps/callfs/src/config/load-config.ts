import { dirname } from 'node:path';
import { buildConfig } from './build-config';
import { computedDefaults } from './computed-defaults';
import type { CallfsConfig } from './config';
import { ConfigError } from './config-error';
import { findConfigFile, readConfigFile, type ConfigFile, type ValuePath } from './config-file';
import { embeddedSettings } from './embedded';
import { settingsOf } from './file-settings';
import { judge, nameOf } from './judge';
import { definitionOf, KEY_NAMES, type KeyName, type Values } from './keys';
import { maskValue } from './mask-value';
import { inOrder, type ConfigProblem, type Place } from './problem';
import { judgeAuth } from './rules/auth-rules';
import { judgeBackend } from './rules/backend-rules';
import { judgeEngines } from './rules/engine-rules';
import type { Judgement } from './rules/judgement';
import { judgeServer } from './rules/server-rules';
import { readVariables, variablesOf, type Environment } from './variables';

export interface LoadOptions {
  /** `--config`; otherwise `config.yaml`, `config.yml` or `config.json` in `cwd`, if there is one. */
  readonly file?: string;
  readonly cwd: string;
  readonly env: Environment;
  /** Whether a first start without any configuration keeps the secrets that it makes. Default true; `config show` writes nothing. */
  readonly keepSecrets?: boolean;
}

/** One key with the value that it has and where that came from. */
export interface Setting {
  readonly key: KeyName;
  /** As it would stand in a file; secrets are `***`. Absent: the key has no value. */
  readonly value?: unknown;
  readonly place: Place;
}

/** The configuration, and how it came about. */
export interface LoadedConfig {
  readonly config: CallfsConfig;
  /** Every key, in the order of the documentation. */
  readonly settings: readonly Setting[];
  readonly warnings: readonly ConfigProblem[];
  /** Of embedded mode: the superuser's key, and the file that keeps it and the secrets. */
  readonly embedded?: { readonly apiKey: string; readonly secretsFile: string };
}

/** A value as it was given, and where. */
interface Given {
  readonly value: unknown;
  readonly place: Place;
  placeOf(path: ValuePath): Place;
}

/**
 * Reads the configuration, environment over file over defaults, and judges all of it. Throws a `ConfigError` with
 * everything that is wrong, or a `StartupError` when embedded mode cannot keep its secrets.
 */
export function loadConfig(options: LoadOptions): LoadedConfig {
  const found = findConfigFile(options.file, options.cwd);
  const file = found && readConfigFile(found);
  const variables = readVariables(options.env);
  const embedded =
    file === undefined && !variables.any ? embeddedSettings(options.cwd, { keep: options.keepSecrets ?? true }) : undefined;

  const problems: ConfigProblem[] = [...(file?.problems ?? []), ...variables.problems];
  const warnings: ConfigProblem[] = [];
  const given = new Map<KeyName, Given>();
  if (file) problems.push(...addFileSettings(given, file));
  for (const { name, variable, value } of variables.settings) addSetting(given, name, value, { kind: 'variable', variable });
  for (const [name, value] of Object.entries(embedded?.settings ?? {}))
    addSetting(given, name as KeyName, value, { kind: 'embedded' });

  // A file that cannot be read would only bring a complaint about every key that it was to have.
  const readable = file === undefined || file.problems.length === 0;
  const base = found ? dirname(found.path) : options.cwd;
  const values = readValues(given, problems);
  const computed = computedDefaults(values);
  const complete: Values = { ...values, ...withoutGiven(computed, given) };
  if (readable) applyRules(complete, given, base, { problems, warnings, file });
  if (problems.length > 0) throw new ConfigError(inOrder(problems), file === undefined);
  return {
    config: buildConfig(complete, { file: found?.path, embedded: embedded !== undefined, base }),
    settings: KEY_NAMES.map((key) => settingOf(key, given.get(key), computed[key])),
    warnings,
    embedded: embedded && { apiKey: embedded.apiKey, secretsFile: embedded.secretsFile },
  };
}

function addFileSettings(given: Map<KeyName, Given>, file: ConfigFile): ConfigProblem[] {
  const { settings, problems } = settingsOf(file);
  for (const { name, value, path } of settings) {
    const placeOf = (inside: ValuePath) => file.placeOf([...path, ...inside]);
    setGiven(given, name, { value, place: placeOf([]), placeOf });
  }
  return problems;
}

function addSetting(given: Map<KeyName, Given>, name: KeyName, value: unknown, place: Place): void {
  setGiven(given, name, { value, place, placeOf: () => place });
}

/** Nothing, and an empty text, is no value: the default holds, also over what the file says. */
function setGiven(given: Map<KeyName, Given>, name: KeyName, setting: Given): void {
  const { value } = setting;
  if (value === null || value === undefined || value === '') given.delete(name);
  else if (typeof value === 'string' && definitionOf(name).type.form === 'list')
    given.set(name, { ...setting, value: value.split(',').map((part) => part.trim()) });
  else given.set(name, setting);
}

/** Each value judged by itself. A wrong one is complained about and replaced by the default, for the rules to go on with. */
function readValues(given: ReadonlyMap<KeyName, Given>, problems: ConfigProblem[]): Values {
  const values: Partial<Record<KeyName, unknown>> = {};
  for (const name of KEY_NAMES) {
    const setting = given.get(name);
    const judged = setting && judge(name, setting.value);
    if (judged && 'value' in judged) {
      values[name] = judged.value;
      continue;
    }
    for (const { path, message } of judged?.flaws ?? [])
      problems.push({ key: nameOf(name, path), message, place: setting?.placeOf(path) ?? { kind: 'default' } });
    values[name] = fallbackOf(name);
  }
  return values as Values;
}

function fallbackOf(name: KeyName): unknown {
  const { fallback } = definitionOf(name);
  if (fallback === undefined) return undefined;
  const judged = judge(name, fallback);
  if ('value' in judged) return judged.value;
  throw new TypeError(`the default of ${name} is not one of its values`);
}

function withoutGiven(computed: Partial<Record<KeyName, unknown>>, given: ReadonlyMap<KeyName, Given>) {
  return Object.fromEntries(Object.entries(computed).filter(([name]) => !given.has(name as KeyName)));
}

interface Findings {
  readonly problems: ConfigProblem[];
  readonly warnings: ConfigProblem[];
  readonly file: ConfigFile | undefined;
}

function applyRules(values: Values, given: ReadonlyMap<KeyName, Given>, base: string, findings: Findings): void {
  const note = (list: ConfigProblem[], name: KeyName, message: string, path: ValuePath) => {
    const setting = given.get(name);
    const place = setting?.placeOf(path) ?? { kind: 'default' };
    const how = setting === undefined && message.startsWith('is missing') ? ` (its variable is ${variablesOf(name)[0]})` : '';
    list.push({ key: nameOf(name, path), message: message + how, place });
  };
  const judgement: Judgement = {
    values,
    base,
    isGiven: (name) => given.has(name),
    refuse: (name, message, path = []) => note(findings.problems, name, message, path),
    warn: (name, message, path = []) => note(findings.warnings, name, message, path),
  };
  for (const rule of [judgeServer, judgeAuth, judgeBackend, judgeEngines]) rule(judgement);
}

function settingOf(key: KeyName, given: Given | undefined, computed: unknown): Setting {
  const { fallback } = definitionOf(key);
  if (given === undefined) return { key, value: computed ?? fallback, place: { kind: 'default' } };
  return { key, value: maskValue(key, given.value), place: given.place };
}
