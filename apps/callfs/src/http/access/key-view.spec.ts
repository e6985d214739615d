import { expect, it } from 'vitest';
import type { KeyRow } from '../../use-cases/access/access-rows';
import { keyView } from './key-view';

it('shows a key that a version before lets end after the year 9999', () => {
  const row: Partial<KeyRow> = {
    id: '8d969eef',
    createdMs: 0,
    expiresMs: 99_999_999 * 86_400_000 + Date.now(),
    usedMs: null,
    revokedMs: null,
  };
  expect(keyView(row as KeyRow).expires_at).toBe('9999-12-31T23:59:59.999Z');
});
