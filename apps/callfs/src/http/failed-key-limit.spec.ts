import { expect, it } from 'vitest';
import { FailedKeyLimit } from './failed-key-limit';

function outcomeOf(limit: FailedKeyLimit, address: string): string {
  try {
    limit.failed(address);
    return 'counted';
  } catch (error) {
    return (error as { code: string }).code;
  }
}

it('lets twenty wrong keys pass at once, then one every three seconds, for each address alone', () => {
  let now = 0;
  const limit = new FailedKeyLimit(() => now);
  const outcomes = Array.from({ length: 22 }, () => outcomeOf(limit, '192.0.2.1'));
  expect(outcomes).toEqual([...Array<string>(20).fill('counted'), 'RATE_LIMIT_EXCEEDED', 'RATE_LIMIT_EXCEEDED']);
  expect(outcomeOf(limit, '192.0.2.2')).toBe('counted');

  now = 2_999;
  expect(outcomeOf(limit, '192.0.2.1')).toBe('RATE_LIMIT_EXCEEDED');
  now = 3_001;
  expect(outcomeOf(limit, '192.0.2.1')).toBe('counted');
  expect(outcomeOf(limit, '192.0.2.1')).toBe('RATE_LIMIT_EXCEEDED');
});
