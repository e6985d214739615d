/** What became of a request for a link's file: `spent` a use, `resumed` one, or was turned down. */
export type LinkOutcome = 'spent' | 'resumed' | 'gone' | 'not_found' | 'refused' | 'failed';

/** Told of what happens to links, for the metrics. */
export interface LinkObserver {
  generated(): void;
  consumed(outcome: LinkOutcome): void;
  /** Links were forgotten, long after they expired. */
  expired(links: number): void;
}

export const LINK_OBSERVER = Symbol('callfs.link-observer');
