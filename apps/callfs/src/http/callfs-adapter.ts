import { CallfsError } from '@callfs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { FastifyInstance, FastifyReply, FastifyRequest, FastifyServerOptions, RouteOptions } from 'fastify';
import type { IncomingMessage, RequestListener } from 'node:http';
import type { Socket } from 'node:net';
import type { CertificateReload } from './certificate-reload';
import { writeError } from './error-response';
import { Exchange, identityOf, type ExchangeSettings } from './exchange';
import { HttpFront, type ExchangeObserver } from './front';
import { createNodeServer, type NodeServer, type NodeServerOptions } from './node-server';
import { DOCS_CONTENT_SECURITY_POLICY } from './openapi/docs-page';
import { isDocumentation } from './openapi/document';
import { isOpen } from './open-route';
import { limitGroupOf } from './limits/limit-group';
import type { RequestLimits } from './limits/request-limits';
import type { RequestAuthenticator } from './request-authenticator';
import { sendEmpty } from './respond';
import { RouteCatalogue } from './route-catalogue';
import { answerHeads } from './base-headers';

/** What Fastify parses by itself is nothing: bodies stay raw streams, and the controller says what it wants of them. */
const BODY_METHODS = ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'QUERY'];
const NO_QUERY = {};

declare module 'fastify' {
  interface FastifyRequest {
    /** Who asks. Throws `AUTHENTICATION_FAILED` on a route that is open and was asked without a key. */
    readonly identity: ReturnType<typeof identityOf>;
  }
}

/**
 * Nest's Fastify adapter with our front before it and our errors behind it: Nest sees only requests that have matched
 * a route and may use it, and none of its or Fastify's own answers ever reaches a client.
 */
export class CallfsAdapter extends FastifyAdapter {
  readonly routes = new RouteCatalogue();
  readonly front: HttpFront;
  /** Those that are open, upgraded ones included. */
  readonly connections: ReadonlySet<Socket>;
  /** How many bodies are being received. */
  readonly bodies: { readonly inFlight: number };
  /** Of a server that speaks TLS. */
  certificate: CertificateReload | undefined;
  private authenticator: RequestAuthenticator | undefined;
  private limits: RequestLimits | undefined;

  constructor(options: NodeServerOptions) {
    const settings: ExchangeSettings = {
      heads: answerHeads(options.certificate !== undefined),
      readTimeoutMs: options.readTimeoutMs,
      writeTimeoutMs: options.writeTimeoutMs,
      bodies: { inFlight: 0 },
    };
    const front = new HttpFront(settings);
    const connections = new Set<Socket>();
    super({
      logger: false,
      exposeHeadRoutes: true,
      return503OnClosing: false,
      // Fastify would add its own answer to the one that the front gives.
      clientErrorHandler: () => undefined,
      genReqId: (request: IncomingMessage) => Exchange.of(request).requestId,
      routerOptions: { querystringParser: () => NO_QUERY, maxParamLength: 4096 },
      frameworkErrors: (error: unknown, _request: FastifyRequest, reply: FastifyReply) => answerError(error, reply),
      serverFactory: (route: RequestListener) => {
        front.route = route;
        return createNodeServer(options, front, connections);
      },
    } as FastifyServerOptions);
    this.front = front;
    this.bodies = settings.bodies;
    this.connections = connections;
    const fastify = this.getInstance<FastifyInstance>();
    for (const method of BODY_METHODS) fastify.addHttpMethod(method, { hasBody: false, overrideExisting: true });
    fastify.decorateRequest('identity', {
      getter(this: FastifyRequest) {
        return identityOf(this);
      },
    });
    fastify.addHook('onRoute', (route) => this.guard(route));
    fastify.addHook('onSend', addBaseHeaders);
    // All that can go wrong on a page of files is that there is no such file.
    fastify.setErrorHandler((error, request, reply) =>
      answerError(isDocumentation(Exchange.of(request.raw).route) ? noSuchRoute(error) : error, reply),
    );
    fastify.setNotFoundHandler((request, reply) => this.answerUnrouted(request, reply));
  }

  /** Who checks keys, who limits and who is told of requests: they come out of the container, which needs the adapter first. */
  connect(authenticator: RequestAuthenticator, limits: RequestLimits, observer: ExchangeObserver): void {
    this.authenticator = authenticator;
    this.limits = limits;
    this.front.observer = observer;
  }

  get server(): NodeServer {
    return this.getHttpServer<NodeServer>();
  }

  /** Nest's own would answer in Nest's format. */
  override setErrorHandler(): FastifyInstance {
    return this.getInstance<FastifyInstance>();
  }

  override setNotFoundHandler(): FastifyInstance {
    return this.getInstance<FastifyInstance>();
  }

  /**
   * Gives each route, when it is registered, the one hook it needs: note the pattern, check the key, keep to the limits.
   * Decided here, once, by the route that matched, and never again by looking at a URL.
   */
  private guard(route: RouteOptions): void {
    const pattern = route.url;
    const open = isOpen(route.config) || isDocumentation(pattern);
    for (const method of [route.method].flat()) this.routes.add(method, pattern, open);
    const groups = new Map([route.method].flat().map((method) => [method, limitGroupOf(method, pattern)]));
    const before = route.onRequest === undefined ? [] : [route.onRequest].flat();
    if (before.some((hook) => guards.has(hook))) return;
    const enter = (request: FastifyRequest, _reply: FastifyReply, done: (error?: Error) => void): void => {
      const exchange = Exchange.of(request.raw);
      exchange.route = pattern;
      let waiting: void | Promise<void> = undefined;
      try {
        if (!open) waiting = this.authenticate(exchange);
        const group = groups.get(request.method);
        if (waiting === undefined && group !== undefined) waiting = this.limits?.admit(exchange, group);
      } catch (error) {
        done(error as Error);
        return;
      }
      if (waiting === undefined) done();
      else waiting.then(() => done(), done);
    };
    guards.add(enter);
    route.onRequest = [...before, enter];
  }

  /** Throws at once, or rejects where a wrong key has to be counted first. */
  private authenticate(exchange: Exchange): void | Promise<never> {
    if (this.authenticator === undefined || this.limits === undefined)
      throw new Error('The server took a request before it was connected.');
    const { authorization } = exchange.request.headers;
    try {
      exchange.identity = this.authenticator.authenticate(authorization);
    } catch (error) {
      // Whoever names no key guesses none.
      if (authorization === undefined || !CallfsError.is(error, 'AUTHENTICATION_FAILED')) throw error;
      return this.limits.wrongKey(exchange, error);
    }
  }

  /** No route has this method and path: `OPTIONS` is answered for those that exist, others are told what there is. */
  private async answerUnrouted(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const exchange = Exchange.of(request.raw);
    const { method = '', url: path = '/' } = request.raw;
    const { methods, open } = this.routes.match(path);
    try {
      if (methods.length === 0 ? isBelowApi(path) : !open) await this.authenticate(exchange);
      const allow = methods.join(', ');
      if (methods.length > 0 && method === 'OPTIONS') return sendEmpty(reply, 204, { Allow: allow });
      // A route may hand a request on that it has nothing for, as that of the documentation's files does.
      if (methods.length === 0 || methods.includes(method)) {
        throw noSuchRoute();
      }
      throw new CallfsError('METHOD_NOT_ALLOWED', `This route has no ${method}; it has ${allow}.`, { details: { allow } });
    } catch (error) {
      answerError(error, reply);
    }
  }
}

const guards = new WeakSet<object>();

function noSuchRoute(cause?: unknown): CallfsError {
  const message = 'There is no such route. Files are below /v1/files, as /v1/files/a.txt; /docs lists every route.';
  return new CallfsError('ROUTE_NOT_FOUND', message, { cause });
}

function isBelowApi(path: string): boolean {
  return path === '/v1' || path.startsWith('/v1/');
}

function answerError(error: unknown, reply: FastifyReply): void {
  reply.hijack();
  writeError(Exchange.of(reply.raw), error);
}

/** For the answers that Nest and Fastify write: the same fields as those we write ourselves. */
function addBaseHeaders(
  request: FastifyRequest,
  reply: FastifyReply,
  payload: unknown,
  done: (error: null, payload: unknown) => void,
): void {
  const exchange = Exchange.of(request.raw);
  const { api } = exchange.settings.heads;
  reply.header('X-Request-ID', exchange.requestId);
  if (isDocumentation(exchange.route)) reply.header('Content-Security-Policy', DOCS_CONTENT_SECURITY_POLICY);
  for (let i = 0; i < api.length; i += 2) {
    const name = api[i] as string;
    if (!reply.hasHeader(name)) reply.header(name, api[i + 1]);
  }
  if (typeof payload === 'string' || Buffer.isBuffer(payload)) exchange.bytesOut = Buffer.byteLength(payload);
  else exchange.bytesOut = Number(reply.getHeader('content-length') ?? 0);
  done(null, payload);
}
