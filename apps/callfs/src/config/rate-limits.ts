import { z } from 'zod';
import { RATE_LIMIT_GROUPS, type RateLimit, type RateLimitGroup } from './config';
import type { ValueType } from './value-types';

const UNIT_SECONDS = { s: 1, min: 60, h: 3600 } as const;

const expectsOne = 'a rate such as "20/min", {per_second: 10, burst: 5}, or "off"';

const limit = z.unknown().transform((input, context): RateLimit | 'off' => {
  const value = readLimit(input);
  if (value) return value;
  context.issues.push({ code: 'custom', message: `expected ${expectsOne}`, input });
  return z.NEVER;
});

function readLimit(input: unknown): RateLimit | 'off' | undefined {
  // What YAML 1.1 makes of an unquoted off.
  if (input === 'off' || input === false) return 'off';
  if (typeof input === 'string') {
    const match = /^(\d+(?:\.\d+)?)\/(s|min|h)$/.exec(input);
    return match ? rate(Number(match[1]) / UNIT_SECONDS[match[2] as keyof typeof UNIT_SECONDS]) : undefined;
  }
  if (typeof input !== 'object' || input === null) return undefined;
  const { per_second: perSecond, burst, ...rest } = input as Record<string, unknown>;
  if (typeof perSecond !== 'number' || Object.keys(rest).length > 0) return undefined;
  if (burst === undefined) return rate(perSecond);
  return Number.isInteger(burst) ? rate(perSecond, burst as number) : undefined;
}

/** Without a burst as many as come in a second, one at least. */
function rate(perSecond: number, burst = Math.max(1, Math.ceil(perSecond))): RateLimit | undefined {
  return perSecond > 0 && perSecond <= 1e6 && burst >= 1 && burst <= 1e6 ? { perSecond, burst } : undefined;
}

/** `rate_limits`. */
export const rateLimits: ValueType<Partial<Record<RateLimitGroup, RateLimit | 'off'>>> = {
  form: 'json',
  expects: `a map from a group (${RATE_LIMIT_GROUPS.join(', ')}) to ${expectsOne}`,
  schema: z.strictObject(
    Object.fromEntries(RATE_LIMIT_GROUPS.map((group) => [group, limit.optional()])) as Record<
      RateLimitGroup,
      z.ZodOptional<typeof limit>
    >,
    { error: (issue) => (issue.code === 'invalid_type' ? 'expected a map from a group to a rate' : undefined) },
  ),
  names: RATE_LIMIT_GROUPS,
};
