import type { Identity } from '@callfs/auth';
import { CallfsError, VirtualPath } from '@callfs/core';
import type { FastifyRequest } from 'fastify';
import type { Deed } from '../../use-cases/audit/audit-entry';
import type { Caller } from '../../use-cases/caller';
import { Exchange } from '../exchange';
import { rawPathOf } from '../request-target';

/** Who sent a request; the signal is made only when somebody asks for it. */
export class RequestCaller implements Caller {
  readonly requestId: string;
  /** Of its own, and not the class's: callers are taken apart and put together anew. */
  readonly note = (deed: Deed): void => {
    this.exchange.deed = deed;
  };

  constructor(
    private readonly exchange: Exchange,
    readonly identity: Identity,
  ) {
    this.requestId = exchange.requestId;
  }

  get signal(): AbortSignal {
    return this.exchange.signal;
  }
}

/** The caller of a request that passed authentication. */
export function callerOf(request: FastifyRequest): Caller {
  const exchange = Exchange.of(request.raw);
  const { identity } = exchange;
  if (!identity) throw new CallfsError('AUTHENTICATION_FAILED', 'This needs an API key.');
  return new RequestCaller(exchange, identity);
}

/** The path of the tree that the URL names below `prefix`. `INVALID_PATH`. */
export function pathOf(request: FastifyRequest, prefix: string): VirtualPath {
  return VirtualPath.fromUrl(rawPathOf(request, prefix));
}
