const PLACEHOLDER = /change.?(?:me|it|this)|\byour[-_. ]|place.?holder|replace.?(?:me|this|with)|^<.*>$|\binsert[-_. ]/i;
const COMMON = new Set([
  'secret',
  'mysecret',
  'supersecret',
  'topsecret',
  'secretkey',
  'mysecretkey',
  'supersecretkey',
  'password',
  'mypassword',
  'default',
  'defaultsecret',
  'internalproxysecret',
  'singleuselinksecret',
  'internalsecret',
  'linksecret',
  'apikey',
  'myapikey',
  'secretsecret',
]);
const SEQUENCES = ['0123456789', 'abcdefghijklmnopqrstuvwxyz', '0123456789abcdef', '1234567890', 'qwertyuiopasdfghjklzxcvbnm'];
const FEWEST_CHARACTERS = 6;

export type Weakness = 'is a placeholder' | 'repeats itself' | 'is a well-known sequence';

/** Why `secret` is one that others will guess; undefined when nothing obvious is wrong with it. */
export function weaknessOf(secret: string): Weakness | undefined {
  if (
    PLACEHOLDER.test(secret) ||
    COMMON.has(
      secret
        .toLowerCase()
        .replace(/[^a-z0-9]/g, '')
        .replace(/\d{0,4}$/, ''),
    )
  )
    return 'is a placeholder';
  if (new Set(secret).size < FEWEST_CHARACTERS || /^(.{1,8})\1+/.exec(secret)?.[0].length === secret.length)
    return 'repeats itself';
  const lower = secret.toLowerCase();
  return SEQUENCES.some((sequence) => sequence.repeat(Math.ceil(lower.length / sequence.length) + 1).includes(lower))
    ? 'is a well-known sequence'
    : undefined;
}
