import type { RateLimitGroup } from '../../config/config';

const READS = new Set(['GET', 'HEAD']);

/** Which limit a route's requests count for; none for those by which a server is watched. */
export function limitGroupOf(method: string, pattern: string): RateLimitGroup | undefined {
  if (pattern.startsWith('/download/')) return 'download';
  if (!pattern.startsWith('/v1/')) return undefined;
  if (pattern === '/v1/links/generate') return 'link_generation';
  if (pattern.startsWith('/v1/admin/')) return 'admin';
  if (pattern.startsWith('/v1/directories') || pattern === '/v1/links') return 'list';
  return READS.has(method) ? 'read' : 'write';
}
