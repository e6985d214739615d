import { CallfsError, VirtualPath } from '@callfs/core';
import type { FastifyRequest } from 'fastify';
import type { Caller } from '../../use-cases/caller';
import { Exchange } from '../exchange';
import { rawPathOf } from '../request-target';

/** The caller of a request that passed authentication; its signal is made only when somebody asks for it. */
export function callerOf(request: FastifyRequest): Caller {
  const exchange = Exchange.of(request.raw);
  const { identity, requestId } = exchange;
  if (!identity) throw new CallfsError('AUTHENTICATION_FAILED', 'This needs an API key.');
  return {
    identity,
    requestId,
    get signal() {
      return exchange.signal;
    },
    note: (deed) => {
      exchange.deed = deed;
    },
  };
}

/** The path of the tree that the URL names below `prefix`. `INVALID_PATH`. */
export function pathOf(request: FastifyRequest, prefix: string): VirtualPath {
  return VirtualPath.fromUrl(rawPathOf(request, prefix));
}
