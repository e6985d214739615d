/** Nanoseconds since 1970-01-01T00:00:00Z, as `struct timespec` holds them; negative before. */
export type EpochNs = bigint;

const NS_PER_SECOND = 1_000_000_000n;
const NS_PER_MS = 1_000_000n;
/** The range in which an RFC 3339 year has four digits; it also fits 64 bits. */
const MIN_SECONDS = -62_135_596_800n;
const MAX_SECONDS = 253_402_300_799n;
/** What a signed 64-bit count of nanoseconds can hold: the years 1678 to 2262. */
const MAX_INT64 = 9_223_372_036_854_775_807n;

/** The wall clock, in the resolution that the platform gives without a system call of its own. */
export function nowNs(): EpochNs {
  return BigInt(Date.now()) * NS_PER_MS;
}

export function nsToMs(time: EpochNs): number {
  return Number(floorDivide(time, NS_PER_MS));
}

export function msToNs(ms: number): EpochNs {
  return BigInt(Math.round(ms * 1000)) * 1000n;
}

/** The second that was formatted last, and its text: times that are shown together are mostly close together. */
let knownSeconds: number | undefined;
let knownText = '';

/** `2026-11-23T08:00:00.123456789Z`: UTC, always nine digits, so that the strings sort as the times do. */
export function formatRfc3339(time: EpochNs): string {
  const wholeSeconds = floorDivide(time, NS_PER_SECOND);
  const seconds = Number(wholeSeconds);
  if (seconds !== knownSeconds) {
    knownText = new Date(seconds * 1000).toISOString().slice(0, 19);
    knownSeconds = seconds;
  }
  return `${knownText}.${String(Number(time - wholeSeconds * NS_PER_SECOND)).padStart(9, '0')}Z`;
}

const RFC3339 = /^(\d{4})-(\d{2})-(\d{2})[Tt ](\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,9})\d*)?(?:([Zz])|([+-])(\d{2}):(\d{2}))$/;

/** Reads an RFC 3339 date-time; `undefined` for anything else, an impossible date included. */
export function parseRfc3339(text: string): EpochNs | undefined {
  const match = RFC3339.exec(text);
  if (!match) return undefined;
  const [, year, month, day, hour, minute, second, fraction, , sign, offsetHour, offsetMinute] = match;
  const ms = Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second));
  const date = new Date(ms);
  if (Number(year) < 100) date.setUTCFullYear(Number(year));
  const sameDay = date.getUTCMonth() === Number(month) - 1 && date.getUTCDate() === Number(day);
  if (!sameDay || Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) return undefined;
  if (Number(offsetHour ?? 0) > 23 || Number(offsetMinute ?? 0) > 59) return undefined;
  const offset = (sign === '-' ? -1 : 1) * (Number(offsetHour ?? 0) * 3600 + Number(offsetMinute ?? 0) * 60);
  const time = BigInt(date.getTime() / 1000 - offset) * NS_PER_SECOND + BigInt((fraction ?? '').padEnd(9, '0'));
  return isStorable(time) ? time : undefined;
}

/** Reads `1700000000` or `1700000000.123456789` (seconds since the epoch, as `X-OC-Mtime` sends them). */
export function parseEpochSeconds(text: string): EpochNs | undefined {
  const match = /^(-?)(\d{1,12})(?:\.(\d{1,9})\d*)?$/.exec(text);
  if (!match) return undefined;
  const magnitude = BigInt(match[2] ?? '0') * NS_PER_SECOND + BigInt((match[3] ?? '').padEnd(9, '0'));
  const time = match[1] === '-' ? -magnitude : magnitude;
  return isStorable(time) ? time : undefined;
}

function isStorable(time: EpochNs): boolean {
  const seconds = floorDivide(time, NS_PER_SECOND);
  return seconds >= MIN_SECONDS && seconds <= MAX_SECONDS && time <= MAX_INT64 && time >= -MAX_INT64;
}

function floorDivide(value: bigint, by: bigint): bigint {
  const quotient = value / by;
  return value % by < 0n ? quotient - 1n : quotient;
}
