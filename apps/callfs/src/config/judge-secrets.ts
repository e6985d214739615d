/** What is wrong with a secret, said without showing it; `undefined` when nothing is. */
export type Judgement = string | undefined;

export const SECRET_MIN_LENGTH = 16;

const PLACEHOLDER = /change[-_ ]?me|your[-_ ]|placeholder|example|^<.*>$|^(secret|password|default|test)[-_\d]*$/i;

export function judgeSecret(secret: string): Judgement {
  if (secret.length < SECRET_MIN_LENGTH) return `too short: ${SECRET_MIN_LENGTH} characters or more, at random`;
  if (PLACEHOLDER.test(secret)) return 'looks like a placeholder; make a random one, for instance with "callfs config init"';
  if (new Set(secret).size < 5) return 'repeats itself; make a random one, for instance with "callfs config init"';
  return undefined;
}

/** A key in clear, or `sha256:` and its digest. */
export function judgeKey(key: string): Judgement {
  if (key.startsWith('sha256:'))
    return /^sha256:[0-9a-fA-F]{64}$/.test(key) ? undefined : 'expected sha256: and 64 hexadecimal digits';
  if (/[^\x21-\x7e]/.test(key)) return 'a key holds visible ASCII characters only: it travels in a header';
  return judgeSecret(key);
}

const SSL_MODES = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'];

export function judgeDsn(dsn: string): Judgement {
  const expected = 'expected postgres://user:pass@host:port/db?sslmode=…';
  if (!URL.canParse(dsn)) return expected;
  const { protocol, searchParams } = new URL(dsn);
  if (protocol !== 'postgres:' && protocol !== 'postgresql:') return expected;
  const mode = searchParams.get('sslmode');
  return mode === null || SSL_MODES.includes(mode) ? undefined : `sslmode: expected ${SSL_MODES.join(', ')}`;
}
