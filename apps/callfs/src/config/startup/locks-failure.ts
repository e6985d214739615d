import type { DlmConfig } from '../config';
import { unreachable, type NativeCause } from './native-cause';
import { StartupError } from './startup-error';

type Redis = NonNullable<DlmConfig['redis']>;

/** Redis that could not be used. Undefined when none of the causes is known. */
export function explainLocks(redis: Redis, causes: readonly NativeCause[], cause: unknown): StartupError | undefined {
  const key = redis.sentinels.length > 0 ? 'dlm.redis_sentinels' : 'dlm.redis_addr';
  const addresses = redis.sentinels.length > 0 ? redis.sentinels : redis.addresses;
  const where = `Redis at ${addresses.join(', ')}`;
  const [host = '', port = ''] = splitAddress(addresses[0] ?? '');
  const cli = `redis-cli${redis.tls ? ' --tls' : ''} -h ${host} -p ${port}`;
  for (const { message } of causes) {
    if (UNTRUSTED.test(message))
      return new StartupError({
        kind: 'locks',
        key: 'dlm.redis_tls',
        reason: `the certificate of ${where} is not trusted: ${message}`,
        next: 'Name the authority that has signed it: NODE_EXTRA_CA_CERTS=FILE.',
        cause,
      });
    if (UNKNOWN_MASTER.test(message))
      return new StartupError({
        kind: 'locks',
        key: 'dlm.redis_sentinel_master',
        reason: `the sentinels at ${addresses.join(', ')} know no master "${redis.sentinelMaster}"`,
        next: `Set it to what they call it: ${cli} sentinel masters`,
        cause,
      });
  }
  for (const { message } of causes) {
    const known = REPLIES.find(([pattern]) => pattern.test(message));
    if (known) {
      const [, hangsOn, reason, next] = known;
      const kind = hangsOn === '' ? 'dependency' : 'locks';
      return new StartupError({ kind, key: hangsOn === '' ? key : hangsOn, reason: `${where} ${reason}`, next, cause });
    }
  }
  const why = unreachable(causes) ?? silence(causes);
  if (why === undefined) return undefined;
  const speaks = redis.tls ? 'speaks TLS there' : 'wants no TLS (dlm.redis_tls)';
  const next = `Check that it runs, that the address is right and that it ${speaks}. Test it with: ${cli} ping`;
  return new StartupError({ kind: 'dependency', key, reason: `cannot connect to ${where}: ${why}`, next, cause });
}

/** What OpenSSL and Node.js say of a certificate that they do not accept. */
const UNTRUSTED = /certificate|altnames/i;
const UNKNOWN_MASTER = /No such master with that name/;

/** What Redis answers, the key that it hangs on (empty: it may pass by itself), what it means and what to do. */
const REPLIES: readonly (readonly [RegExp, string, string, string])[] = [
  [
    /^WRONGPASS/,
    'dlm.redis_password',
    'refuses the password',
    'Correct dlm.redis_password (and dlm.redis_username, if it is set).',
  ],
  [/^NOAUTH/, 'dlm.redis_password', 'wants a password', 'Set dlm.redis_password.'],
  [/AUTH.*called without any password/, 'dlm.redis_password', 'has no password', 'Leave out dlm.redis_password.'],
  [
    /^NOPERM/,
    'dlm.redis_username',
    'does not allow this user what locks need',
    'Give it: ACL SETUSER <user> ~callfs:* &callfs:* +@all',
  ],
  [/DB index is out of range/, 'dlm.redis_db', 'has no database of that number', 'Set dlm.redis_db to one that it has.'],
  [/^DENIED/, 'dlm.redis_addr', 'is in protected mode', 'Set a password for it, or let it listen on a private address alone.'],
  [/SELECT is not allowed in cluster mode/, 'dlm.redis_cluster', 'is a node of a cluster', 'Set dlm.redis_cluster to true.'],
  [/^Protocol error/, 'dlm.redis_addr', 'does not speak the protocol of Redis', 'Set dlm.redis_addr to the address of a Redis.'],
  [/^LOADING/, '', 'is loading its data', 'Wait for it: --wait-for-dependencies 30s.'],
  [/^CLUSTERDOWN/, '', 'is a cluster that is down', 'Wait for it, or repair it: redis-cli cluster info'],
];

/** ioredis hides the socket's error behind these. */
function silence(causes: readonly NativeCause[]): string | undefined {
  const given = causes.some(({ message }) =>
    /max retries per request|Connection is closed|All sentinels are unreachable|Failed to refresh slots cache|writeable|socket timeout/i.test(
      message,
    ),
  );
  return given ? 'it does not answer' : undefined;
}

function splitAddress(address: string): string[] {
  const colon = address.lastIndexOf(':');
  return [address.slice(0, colon), address.slice(colon + 1)];
}
