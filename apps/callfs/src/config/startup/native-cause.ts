/** A failure of the system or of a driver, reduced to what explanations look at. */
export interface NativeCause {
  /** `ECONNREFUSED`, `28P01`, `SQLITE_BUSY`, …; empty when there is none. */
  readonly code: string;
  readonly name: string;
  readonly message: string;
  readonly path?: string;
  readonly syscall?: string;
  readonly port?: number;
}

/** The error and everything that caused it, outermost first; of several causes at once (Happy Eyeballs) the last. */
export function causesOf(error: unknown): NativeCause[] {
  const causes: NativeCause[] = [];
  let current = error;
  for (let depth = 0; current instanceof Error && depth < 10; depth++) {
    causes.push(reduce(current));
    const next: unknown = current.cause ?? (current instanceof AggregateError ? current.errors.at(-1) : undefined);
    current = next;
  }
  return causes;
}

function reduce(error: Error): NativeCause {
  const { code, path, syscall, port } = error as Error & Partial<Record<'code' | 'path' | 'syscall' | 'port', unknown>>;
  return {
    code: typeof code === 'string' ? code : '',
    name: error.name,
    message: error.message,
    path: typeof path === 'string' ? path : undefined,
    syscall: typeof syscall === 'string' ? syscall : undefined,
    port: typeof port === 'number' ? port : undefined,
  };
}

const UNREACHABLE: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ECONNRESET: 'it closed the connection',
  EPIPE: 'it closed the connection',
  ETIMEDOUT: 'it does not answer',
  ESOCKETTIMEDOUT: 'it does not answer',
  EHOSTUNREACH: 'there is no way to that host',
  ENETUNREACH: 'there is no way to that network',
  EHOSTDOWN: 'that host is down',
  ENOTFOUND: 'there is no host of that name',
  EAI_AGAIN: 'the name server does not answer',
};

/** Why a service cannot be reached, for those failures that may pass by themselves. */
export function unreachable(causes: readonly NativeCause[]): string | undefined {
  for (const { code, name, message } of causes) {
    const known = UNREACHABLE[code];
    if (known !== undefined) return `${known} (${code})`;
    if (name === 'TimeoutError' || /timeout expired|connection timeout|timed out/i.test(message))
      return 'it does not answer in time';
    if (/^Connection terminated unexpectedly/.test(message)) return 'it closed the connection';
  }
  return undefined;
}
