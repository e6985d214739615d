import type { S3Client } from '@aws-sdk/client-s3';

type RetryStrategy = Awaited<ReturnType<S3Client['config']['retryStrategy']>>;
type Refresh = Extract<RetryStrategy, { refreshRetryTokenForRetry: unknown }>['refreshRetryTokenForRetry'];

/**
 * A server that has answered nothing for a whole timeout is asked once more, since it may have been the connection alone that was
 * dead. After two it is the server, and whoever waits is told, instead of waiting for all the attempts that other failures are worth.
 */
export function giveUpOnSilence(client: S3Client): void {
  const { retryStrategy } = client.config;
  client.config.retryStrategy = async () => {
    const strategy = await retryStrategy();
    return 'refreshRetryTokenForRetry' in strategy ? impatient(strategy) : strategy;
  };
}

function impatient<S extends { refreshRetryTokenForRetry: Refresh }>(strategy: S): S {
  const refresh: Refresh = (token, failure) => {
    if (token.getRetryCount() > 0 && isSilence(failure.error)) throw failure.error;
    return strategy.refreshRetryTokenForRetry(token, failure);
  };
  return Object.assign(Object.create(strategy) as S, { refreshRetryTokenForRetry: refresh });
}

function isSilence(error: unknown): error is Error {
  return error instanceof Error && error.name === 'TimeoutError';
}
