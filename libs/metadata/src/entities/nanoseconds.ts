import type { ValueTransformer } from 'typeorm';

/** A 64-bit count of nanoseconds: drivers hand `bigint` columns over as a number (too narrow) or a string. */
export const nanoseconds: ValueTransformer = {
  to: (value: bigint | null) => value,
  from: (value: string | number | bigint | null) => (value === null ? null : BigInt(value)),
};
