import { RouteConfig } from '@nestjs/platform-fastify';

interface OpenRouteConfig {
  readonly open?: boolean;
}

/** Marks a handler that needs no API key. Every other route does. */
export const Open = (): MethodDecorator => RouteConfig({ open: true } satisfies OpenRouteConfig);

/** Whether a route's configuration says so. */
export function isOpen(config: object | undefined): boolean {
  return (config as OpenRouteConfig | undefined)?.open === true;
}
