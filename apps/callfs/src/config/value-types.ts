import { isIP } from 'node:net';
import { isAddressRange } from '@callfs/core';
import { z } from 'zod';
import type { ListenAddress } from './config';
import { parseDsn } from './dsn';

/** How the text of an environment variable becomes the value that a file would have. */
export type Form = 'text' | 'number' | 'boolean' | 'list' | 'json';

/** What a key may hold: how it is read from a variable, judged, and described when it is wrong. */
export interface ValueType<T> {
  readonly form: Form;
  /** Ends the sentence "expected …"; never built from the value, which may be a secret. */
  readonly expects: string;
  readonly schema: z.ZodType<T>;
  /** The names that a map of this type may have, for the suggestion when another is met. */
  readonly names?: readonly string[];
}

/** A schema that fails with the one sentence `expects` whatever was wrong; `read` gives undefined for a wrong value. */
function leaf<T>(expects: string, read: (value: unknown) => T | undefined): z.ZodType<T> {
  return z.unknown().transform((input, context): T => {
    const value = read(input);
    if (value !== undefined) return value;
    context.issues.push({ code: 'custom', message: `expected ${expects}`, input });
    return z.NEVER;
  });
}

function type<T>(form: Form, expects: string, read: (value: unknown) => T | undefined): ValueType<T> {
  return { form, expects, schema: leaf(expects, read) };
}

const CONTROL = /[\u0000-\u001f\u007f]/;

function plainText(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' && !CONTROL.test(value) ? value : undefined;
}

/** A text that fits `accepts`, on one line. */
function textLike(expects: string, accepts: (text: string) => boolean): ValueType<string> {
  return type('text', expects, (value) => {
    const text = plainText(value);
    return text !== undefined && accepts(text) ? text : undefined;
  });
}

export const text: ValueType<string> = textLike('a text (in quotes, if it looks like a number)', () => true);

export const filePath: ValueType<string> = textLike(
  'the path of a file or directory, written out: "~" means nothing here',
  (path) => !/^~(\/|$)/.test(path),
);

export const flag: ValueType<boolean> = type('boolean', 'true or false', (value) =>
  typeof value === 'boolean' ? value : undefined,
);

export function integer(min: number, max: number): ValueType<number> {
  return type('number', `a whole number from ${min} to ${max}`, (value) =>
    typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max ? value : undefined,
  );
}

export function oneOf<const T extends string>(...words: readonly T[]): ValueType<T> {
  const list = `${words.slice(0, -1).join(', ')} or ${words[words.length - 1]}`;
  return type('text', list, (value) => words.find((word) => word === value));
}

const UNIT_MS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
/** Above this Node's timers fire at once. */
const TIMER_MAX_MS = 2 ** 31 - 1;

/** Milliseconds of `30s`, `500ms`, `10m`, `1h30m`; undefined for anything else, and for more than a timer can wait. */
export function parseDuration(input: string): number | undefined {
  const ms = parseSpan(input);
  return ms === undefined || ms > TIMER_MAX_MS ? undefined : ms;
}

/** The same, however long: `90d`. */
export function parseSpan(input: string): number | undefined {
  if (!/^(?:\d+(?:\.\d+)?(?:ms|[smhd]))+$/.test(input)) return undefined;
  let ms = 0;
  for (const [, amount, unit] of input.matchAll(/(\d+(?:\.\d+)?)(ms|[smhd])/g)) {
    ms += Number(amount) * UNIT_MS[unit as keyof typeof UNIT_MS];
  }
  return ms <= Number.MAX_SAFE_INTEGER ? Math.round(ms) : undefined;
}

/** Milliseconds since 1970 of an RFC 3339 time, or of so long before `nowMs` as a span such as `1h` says; undefined for what is neither. */
export function parseMoment(input: string, nowMs: number): number | undefined {
  const span = parseSpan(input);
  if (span !== undefined) return nowMs - span;
  const ms = Date.parse(/^\d{4}-\d\d-\d\dT/.test(input) ? input : '');
  return Number.isNaN(ms) ? undefined : ms;
}

/** Milliseconds. */
export function duration({ minMs }: { minMs: number }): ValueType<number> {
  const least = minMs === 0 ? '' : `, at least ${minMs} ms`;
  return type('text', `a duration such as 30s, 500ms, 10m or 1h (at most 24 days${least})`, (value) => {
    const ms = typeof value === 'string' ? parseDuration(value) : undefined;
    return ms !== undefined && ms >= minMs ? ms : undefined;
  });
}

/** Milliseconds, of what may be longer than any timer: how long something is kept. */
export const span: ValueType<number> = type('text', 'a duration such as 12h, 90d or 365d', (value) =>
  typeof value === 'string' ? parseSpan(value) : undefined,
);

const SIZE_UNITS: Readonly<Record<string, number>> = {
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
};

/** Bytes. */
export function size({ max }: { max: number }): ValueType<number> {
  return type('text', `a number of bytes from 0 to ${max}, or a size such as 16KiB, 10MB or 2GiB`, (value) => {
    if (typeof value !== 'number' && typeof value !== 'string') return undefined;
    const [, amount, unit = ''] = /^(\d+(?:\.\d+)?) ?([A-Za-z]*)$/.exec(String(value)) ?? [];
    const bytes = Number(amount) * (unit === '' ? 1 : (SIZE_UNITS[unit.toLowerCase()] ?? NaN));
    return Number.isInteger(bytes) && bytes >= 0 && bytes <= max ? bytes : undefined;
  });
}

/** Host and port of `host:port`, `[v6]:port` or, with `bare`, `:port`; undefined for anything else. */
export function parseAddress(input: string, { bare }: { bare: boolean }): ListenAddress | undefined {
  const match = /^(?:\[([0-9A-Fa-f:.%]+)\]|([^\s:/@[\]]*)):(\d{1,5})$/.exec(input);
  if (!match) return undefined;
  const [, v6, name = '', digits] = match;
  const port = Number(digits);
  if (port > 65_535 || (v6 !== undefined && isIP(v6) !== 6)) return undefined;
  if (v6 === undefined && name === '' && !bare) return undefined;
  return { host: v6 ?? name, port };
}

export const listenAddress: ValueType<ListenAddress> = type(
  'text',
  'an address to listen on: "host:port", ":port" or "[ipv6]:port"',
  (value) => (typeof value === 'string' ? parseAddress(value, { bare: true }) : undefined),
);

const isHostAndPort = (input: string) => {
  const address = parseAddress(input, { bare: false });
  return address !== undefined && address.port > 0;
};

export const hostAndPort: ValueType<string> = textLike('"host:port"', isHostAndPort);

/** An http(s) URL without credentials, query or fragment; a trailing `/` is dropped. */
export const webUrl: ValueType<string> = type('text', 'a URL such as https://files.example.com', (value) => {
  const input = plainText(value);
  if (input === undefined || !/^https?:\/\//i.test(input) || !URL.canParse(input)) return undefined;
  const { username, password, search, hash } = new URL(input);
  return username + password + search + hash === '' ? input.replace(/\/+$/, '') : undefined;
});

export const postgresDsn: ValueType<string> = type(
  'text',
  'postgres://user:password@host:port/database, with ?sslmode= one of disable, allow, prefer, require, verify-ca, verify-full (percent-encode @ / ? # % in a password)',
  (value) => (typeof value === 'string' && parseDsn(value) ? value : undefined),
);

/** `10.0.0.1`, `10.0.0.0/8`, `fd00::/8`. */
export const network: ValueType<string> = textLike('an IP address or a network such as 10.0.0.0/8', isAddressRange);

/** An HTTP header carries it: no spaces, nothing beyond ASCII. */
export const apiKey: ValueType<string> = textLike(
  'a key of 16 to 512 printable ASCII characters without spaces (in quotes, if it looks like a number), or sha256: and 64 hexadecimal digits',
  (input) => (input.startsWith('sha256:') ? /^sha256:[0-9A-Fa-f]{64}$/.test(input) : /^[\x21-\x7e]{16,512}$/.test(input)),
);

export const sharedSecret: ValueType<string> = textLike(
  'a secret of 16 characters or more (in quotes, if it looks like a number)',
  (input) => input.length >= 16,
);

/** Of a user or group; becomes the name of a directory in `/home`. */
export const principalName: ValueType<string> = textLike(
  'a name of up to 32 letters, digits, ".", "-" and "_" that is not a number',
  (input) => /^[A-Za-z_][A-Za-z0-9._-]{0,31}$/.test(input),
);

export const instanceName: ValueType<string> = textLike('a name of up to 128 letters, digits, ".", "-" and "_"', (input) =>
  /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/.test(input),
);

/** The permission bits that new files do not get: octal digits in quotes, since YAML reads a bare 0022 as twenty-two. */
export const umask: ValueType<number> = type('text', 'octal digits in quotes, such as "0022"', (value) =>
  typeof value === 'string' && /^0?[0-7]{3}$/.test(value) ? Number.parseInt(value, 8) : undefined,
);

export function listOf<T>(item: ValueType<T>): ValueType<T[]> {
  const expects = `a list, each entry ${item.expects}`;
  return { form: 'list', expects, schema: z.array(item.schema, { error: `expected ${expects}` }) };
}

/** A map; keys are judged as `name` is. */
export function mapOf<T>(name: ValueType<string>, item: ValueType<T>): ValueType<Record<string, T>> {
  const expects = `a map from ${name.expects} to ${item.expects}`;
  const schema = z.record(z.string(), item.schema, { error: `expected ${expects}` }).superRefine((map, context) => {
    for (const key of Object.keys(map)) {
      if (!name.schema.safeParse(key).success)
        context.addIssue({ code: 'custom', path: [key], message: `is named wrongly: expected ${name.expects}` });
    }
  });
  return { form: 'json', expects, schema };
}

/** `true` (the addresses in `dlm.redis_addr` are a cluster's) or the addresses themselves. */
const clusterExpects = 'true, false or a list of "host:port"';
export const clusterNodes: ValueType<boolean | string[]> = {
  form: 'list',
  expects: clusterExpects,
  schema: leaf(clusterExpects, (value) => {
    if (typeof value === 'boolean') return value;
    if (!Array.isArray(value)) return undefined;
    if (value.length === 1 && (value[0] === 'true' || value[0] === 'false')) return value[0] === 'true';
    const judged = z.array(hostAndPort.schema).safeParse(value);
    return judged.success ? judged.data : undefined;
  }),
};
