export const SSL_MODES = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'] as const;

/** The parts of a PostgreSQL URL that messages name. */
export interface Dsn {
  readonly user: string;
  readonly host: string;
  readonly port: string;
  readonly database: string;
  readonly sslMode?: string;
}

const SHAPE = /^postgres(?:ql)?:\/\/(?:([^@/?#\s]*)@)?([^@/?#\s]*)(?:\/([^/?#\s]*))?(?:\?([^#\s]*))?$/;

/** Reads `postgres://user:pass@host:port/db?…`; undefined when it is no such URL or its sslmode is none of libpq's. */
export function parseDsn(dsn: string): Dsn | undefined {
  const match = SHAPE.exec(dsn);
  if (!match) return undefined;
  const [, credentials = '', authority = '', database = '', query = ''] = match;
  const [user = ''] = credentials.split(':');
  const parameters = new URLSearchParams(query);
  const sslMode = parameters.get('sslmode') ?? undefined;
  if (sslMode !== undefined && !SSL_MODES.some((mode) => mode === sslMode)) return undefined;
  const place = /^(\[[0-9A-Fa-f:.]+\]|[^:[\]]*)(?::(\d{1,5}))?$/.exec(authority);
  if (!place || Number(place[2] ?? 0) > 65_535) return undefined;
  const decoded = [user, place[1] ?? '', database].map(decode);
  if (decoded.includes(undefined)) return undefined;
  const [name = '', host = '', base = ''] = decoded as string[];
  return {
    user: name,
    host: parameters.get('host') ?? (host === '' ? 'localhost' : host),
    port: parameters.get('port') ?? place[2] ?? '5432',
    database: base === '' ? name : base,
    sslMode,
  };
}

function decode(part: string): string | undefined {
  try {
    return decodeURIComponent(part);
  } catch (error) {
    if (error instanceof URIError) return undefined;
    throw error;
  }
}

/** `text` with the password of every URL in it, and every `password=`, as `***`. */
export function maskPasswords(text: string): string {
  return text.replace(/([a-z][a-z0-9+.-]*:\/\/[^\s:/@]*):[^\s]*@/gi, '$1:***@').replace(/((?:ssl)?password=)[^&\s]*/gi, '$1***');
}
