/** Reads a raw value (of YAML, or text of a variable); `undefined` means that it is not of the kind. */
export interface Kind<T> {
  /** Completes "expected …". */
  readonly expected: string;
  read(raw: unknown): T | undefined;
}

export const text: Kind<string> = {
  expected: 'a text',
  read: (raw) => (typeof raw === 'string' ? raw : typeof raw === 'number' ? String(raw) : undefined),
};

export const flag: Kind<boolean> = {
  expected: 'true or false',
  read: (raw) =>
    raw === true || raw === 'true' || raw === '1' ? true : raw === false || raw === 'false' || raw === '0' ? false : undefined,
};

export function oneOf<T extends string>(...choices: readonly T[]): Kind<T> {
  return { expected: choices.join(', '), read: (raw) => choices.find((choice) => choice === raw) };
}

export function integer(min: number, max = Number.MAX_SAFE_INTEGER): Kind<number> {
  const upper = max === Number.MAX_SAFE_INTEGER ? '' : ` to ${max}`;
  return {
    expected: `a whole number from ${min}${upper}`,
    read: (raw) => {
      const number = typeof raw === 'number' ? raw : typeof raw === 'string' && /^\d+$/.test(raw) ? Number(raw) : Number.NaN;
      return Number.isSafeInteger(number) && number >= min && number <= max ? number : undefined;
    },
  };
}

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** Milliseconds from `500ms`, `30s`, `10m`, `1h` or a sum of them such as `1m30s`. */
export const duration: Kind<number> = {
  expected: 'a duration such as 500ms, 30s, 10m or 1h',
  read: (raw) => {
    if (typeof raw !== 'string' || !/^(\d+(\.\d+)?(ms|s|m|h))+$/.test(raw)) return undefined;
    let total = 0;
    for (const [, amount, , unit] of raw.matchAll(/(\d+(\.\d+)?)(ms|s|m|h)/g)) total += Number(amount) * (UNITS[unit ?? ''] ?? 0);
    return total <= 2_147_483_647 ? Math.round(total) : undefined;
  },
};

export const texts: Kind<readonly string[]> = {
  expected: 'a list of texts (comma-separated in a variable)',
  read: (raw) => {
    if (typeof raw === 'string') return raw === '' ? [] : raw.split(',').map((item) => item.trim());
    if (!Array.isArray(raw)) return undefined;
    const items = raw.map((item) => text.read(item));
    return items.every((item) => item !== undefined) ? items : undefined;
  },
};

export const textMap: Kind<Readonly<Record<string, string>>> = {
  expected: 'a map of texts (JSON in a variable)',
  read: (raw) => {
    const map = parsed(raw);
    if (typeof map !== 'object' || map === null || Array.isArray(map)) return undefined;
    return Object.values(map).every((value) => typeof value === 'string') ? (map as Record<string, string>) : undefined;
  },
};

/** Anything structured; judged by whoever uses it. In a variable it is JSON. */
export const structure: Kind<unknown> = { expected: 'a list or map (JSON in a variable)', read: (raw) => parsed(raw) };

function parsed(raw: unknown): unknown {
  if (typeof raw !== 'string') return raw ?? undefined;
  try {
    return JSON.parse(raw) as unknown;
  } catch {
    return undefined;
  }
}

export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** `host:port`, `[v6]:port` or `:port`. */
export const listenAddress: Kind<HostPort> = {
  expected: 'host:port or :port, such as 127.0.0.1:8443',
  read: (raw) => {
    const match = typeof raw === 'string' ? /^(\[[0-9a-fA-F:.]+\]|[^:[\]\s/]*):(\d{1,5})$/.exec(raw) : null;
    const port = Number(match?.[2]);
    if (!match || port > 65_535) return undefined;
    return { host: (match[1] ?? '').replace(/^\[|\]$/g, ''), port };
  },
};
