import { readFileSync } from 'node:fs';
import { definitionOf, KEY_NAMES, type KeyName } from './keys';
import { nearest } from './nearest';
import { printable, type ConfigProblem } from './problem';
import type { Form } from './value-types';

export type Environment = Readonly<Record<string, string | undefined>>;

const PREFIX = 'CALLFS_';
/** No settings of a server: of the client commands (`callfs ls` …), and of the health check in the Dockerfile. */
const OTHER_VARIABLES = new Set(['CALLFS_URL', 'CALLFS_API_KEY', 'CALLFS_API_KEY_FILE', 'CALLFS_HEALTH_URL']);
/** Kubernetes puts the address of a service named `callfs…` into every pod under such names. */
const SERVICE_VARIABLE =
  /^CALLFS_(?:\w+_)?(?:SERVICE_HOST|SERVICE_PORT(?:_\w+)?|PORT(?:_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)?)$/;
const LARGEST_SECRET_FILE = 64 * 1024;

/** `CALLFS_PORT=8443` is none of those, which have `tcp://…`: somebody wants another port. */
function isOfKubernetes(name: string, value = ''): boolean {
  return SERVICE_VARIABLE.test(name) && !(/(?<!SERVICE)_PORT$/.test(name) && /^:?\d+$/.test(value));
}

/** `CALLFS_SERVER_LISTEN_ADDR` and `CALLFS_SERVER__LISTEN_ADDR` for `server.listen_addr`. The first is the one to document. */
export function variablesOf(name: KeyName): string[] {
  const [section = '', ...rest] = name.toUpperCase().split('.');
  const spellings = [[section, ...rest].join('_'), [section, rest.join('_')].join('__'), [section, ...rest].join('__')];
  return [...new Set(rest.length === 0 ? [section] : spellings)].map((spelling) => PREFIX + spelling);
}

const KEY_OF = new Map(KEY_NAMES.flatMap((name) => variablesOf(name).map((variable) => [variable, name] as const)));
const KEY_OF_FILE = new Map<string, KeyName>(
  [...KEY_OF].filter(([, name]) => definitionOf(name).secret).map(([variable, name]) => [`${variable}_FILE`, name] as const),
);

export interface VariableSetting {
  readonly name: KeyName;
  readonly variable: string;
  /** As a file would have it. */
  readonly value: unknown;
}

export interface ReadVariables {
  readonly settings: readonly VariableSetting[];
  readonly problems: readonly ConfigProblem[];
  /** Whether any of them configures a server; `debug.pause_at` alone, which crash tests set, does not. */
  readonly any: boolean;
}

/** Everything that the environment says about the configuration. */
export function readVariables(env: Environment): ReadVariables {
  const problems: ConfigProblem[] = [];
  const settings = new Map<KeyName, VariableSetting>();
  const complain = (variable: string, key: string, message: string) =>
    problems.push({ key, message, place: { kind: 'variable', variable: printable(variable) } });
  const ours = Object.keys(env)
    .filter((name) => name.startsWith(PREFIX) && env[name] !== undefined)
    .filter((name) => !OTHER_VARIABLES.has(name) && !isOfKubernetes(name, env[name]))
    .sort();

  for (const variable of ours) {
    const direct = KEY_OF.get(variable);
    const name = direct ?? KEY_OF_FILE.get(variable);
    if (name === undefined) {
      complain(variable, '', `there is no such variable${suggestion(variable)}`);
      continue;
    }
    const given = direct === undefined ? readSecretFile(env[variable] ?? '') : { text: env[variable] ?? '' };
    if ('problem' in given) {
      complain(variable, name, given.problem);
      continue;
    }
    const decoded = decode(given.text, definitionOf(name).type.form);
    if ('problem' in decoded) {
      complain(variable, name, `expected ${definitionOf(name).type.expects}, as ${decoded.problem}`);
      continue;
    }
    const earlier = settings.get(name);
    if (earlier) complain(variable, name, `is set by ${earlier.variable} as well; keep one of the two`);
    else settings.set(name, { name, variable, value: decoded.value });
  }
  return { settings: [...settings.values()], problems, any: ours.some((variable) => KEY_OF.get(variable) !== 'debug.pause_at') };
}

function suggestion(variable: string): string {
  if (SERVICE_VARIABLE.test(variable)) return '; the port is in CALLFS_SERVER_LISTEN_ADDR, as ":8443"';
  const known = nearest(variable, [...KEY_OF.keys(), ...KEY_OF_FILE.keys()]);
  return known === undefined ? '; "callfs config show" lists what there is' : `; did you mean ${known}?`;
}

function readSecretFile(path: string): { text: string } | { problem: string } {
  if (path === '') return { problem: 'expected the path of a file that holds the secret' };
  try {
    const text = readFileSync(path, 'utf8');
    if (text.length > LARGEST_SECRET_FILE) return { problem: `${printable(path)} is too large to hold a secret` };
    return { text: text.replace(/\r?\n$/, '') };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    return { problem: `the file ${printable(path)} that it names cannot be read (${code})` };
  }
}

/** An empty variable is an empty list or map, and takes away an optional value that the file has. */
function decode(text: string, form: Form): { value: unknown } | { problem: string } {
  switch (form) {
    case 'text':
      return { value: text };
    case 'list':
      return {
        value: text
          .split(/[,\n]/)
          .map((part) => part.trim())
          .filter((part) => part !== ''),
      };
    case 'number':
      return { value: /^-?\d+(?:\.\d+)?$/.test(text.trim()) ? Number(text) : text };
    case 'boolean':
      return { value: text === 'true' ? true : text === 'false' ? false : text };
    case 'json':
      if (text.trim() === '') return { value: undefined };
      try {
        return { value: JSON.parse(text) as unknown };
      } catch (error) {
        // The parser's message quotes the text, which may be a secret.
        if (error instanceof SyntaxError) return { problem: 'JSON' };
        throw error;
      }
  }
}
