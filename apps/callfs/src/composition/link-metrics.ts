import type { Metrics } from '../metrics/catalogue';
import type { LinkObserver } from '../use-cases/links/link-observer';

/** Counts what happens to download links. */
export function linkObserver({ linkGenerations, linkConsumptions, linksExpired }: Metrics): LinkObserver {
  return {
    generated: () => linkGenerations.inc(),
    consumed: (status) => linkConsumptions.inc({ status }),
    expired: (links) => linksExpired.inc(links),
  };
}
