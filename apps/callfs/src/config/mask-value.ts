import { isMap } from './config-file';
import { maskPasswords } from './dsn';
import { definitionOf, type KeyName } from './keys';

const MASK = '***';

/** A value fit to show: the shape of a secret with `***` for its texts. */
export function maskValue(name: KeyName, value: unknown): unknown {
  if (!definitionOf(name).secret) return value;
  if (name === 'metadata_store.dsn' && typeof value === 'string') return maskPasswords(value);
  if (name === 'auth.users' && Array.isArray(value))
    return value.map((user: unknown) => (isMap(user) ? { ...user, keys: maskTexts(user['keys']) } : MASK));
  return maskTexts(value);
}

function maskTexts(value: unknown): unknown {
  if (value === undefined) return undefined;
  if (Array.isArray(value)) return value.map(maskTexts);
  if (isMap(value)) return Object.fromEntries(Object.entries(value).map(([name, text]) => [name, maskTexts(text)]));
  return MASK;
}
