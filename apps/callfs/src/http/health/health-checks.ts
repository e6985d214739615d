import type { StorageProvider } from '@callfs/storage';
import { CallfsError, type ErrorCode } from '@callfs/core';

/** Something the process depends on. */
export interface HealthCheck {
  /** `metadata`, `locks`, `backend:localfs`, … */
  readonly name: string;
  /** Without it no request can succeed (`everything`), reads go on (`writes`), or some contents are away (`some`). */
  readonly neededFor: 'everything' | 'writes' | 'some';
  /** What clients are told while it is down. */
  readonly code: ErrorCode;
  /**
   * Rejects when it is down. A `CallfsError`'s message is shown, anything else is not; `nodes`, in its details or in what
   * it resolves to, is shown as well.
   */
  check(): Promise<{ readonly nodes: object } | void>;
}

export interface CheckResult {
  readonly check: HealthCheck;
  readonly up: boolean;
  readonly latencyMs: number;
  /** Of a check that is down. */
  readonly message?: string;
  /** Of a check that looks at other nodes: what it found of each. */
  readonly nodes?: object;
}

const TIMEOUT_MS = 2_000;
/** Anyone may ask for the health, so asking often costs the engines no more than this. */
const REUSE_MS = 500;

/** The checks that the parts of the program have registered. */
export class HealthChecks {
  private readonly checks: HealthCheck[] = [];
  private last: { at: number; results: Promise<CheckResult[]> } | undefined;

  register(...checks: HealthCheck[]): void {
    this.checks.push(...checks);
    this.last = undefined;
  }

  /** Runs all at once, each with a limit of two seconds; what was found in the last half second is used again. */
  run(): Promise<CheckResult[]> {
    const now = performance.now();
    if (this.last === undefined || now - this.last.at > REUSE_MS) {
      this.last = { at: now, results: Promise.all(this.checks.map(runOne)) };
    }
    return this.last.results;
  }
}

async function runOne(check: HealthCheck): Promise<CheckResult> {
  const startedAt = performance.now();
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new CallfsError(check.code, `No answer within ${TIMEOUT_MS / 1000} s.`)), TIMEOUT_MS);
  });
  try {
    const found = await Promise.race([check.check(), timeout]);
    return { check, up: true, latencyMs: performance.now() - startedAt, nodes: found?.nodes };
  } catch (error) {
    const known = CallfsError.is(error) ? error : undefined;
    const message = known?.message ?? 'It does not work; the log has the cause.';
    const nodes = known?.details['nodes'] as object | undefined;
    return { check, up: false, latencyMs: performance.now() - startedAt, message, nodes };
  } finally {
    clearTimeout(timer);
  }
}

/** A medium with less than this is as good as full. */
const MIN_FREE_BYTES = 16 * 1024 * 1024;

/** Whether a backend can be written to, and has room where it knows how much there is. */
export function backendChecks(provider: StorageProvider): HealthCheck[] {
  const common = { neededFor: 'writes' } as const;
  const backend: HealthCheck = {
    ...common,
    name: `backend:${provider.name}`,
    code: 'BACKEND_UNAVAILABLE',
    check: () => provider.check(),
  };
  if (provider.capacity === undefined) return [backend];
  const capacity = provider.capacity.bind(provider);
  const space: HealthCheck = {
    ...common,
    name: `disk_space:${provider.name}`,
    code: 'INSUFFICIENT_STORAGE',
    check: async () => {
      const { freeBytes } = await capacity();
      if (freeBytes < MIN_FREE_BYTES) throw new CallfsError('INSUFFICIENT_STORAGE', `Only ${freeBytes} bytes are free.`);
    },
  };
  return [backend, space];
}
