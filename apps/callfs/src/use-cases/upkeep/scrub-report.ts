import type { ContentId } from '@callfs/core';
import type { ContentPath, MetadataStore } from '@callfs/metadata';
import { findingOf, type FsckFinding } from './fsck-finding';
import type { Scrubber, ScrubStatus } from './scrubber';

type Times = 'started_ms' | 'finished_ms' | 'next_ms';

/** How the scrub of a backend goes, for a person or a program to read. */
export interface ScrubView extends Omit<ScrubStatus, Times | 'damaged'> {
  readonly started: string | null;
  readonly finished: string | null;
  readonly next: string | null;
  readonly damaged: readonly {
    readonly key: string;
    readonly content: number;
    readonly problem: string;
    readonly found: string;
    readonly paths: readonly string[];
  }[];
}

export type ScrubReportEvent =
  | FsckFinding
  | { readonly event: 'progress'; readonly blobs: number; readonly bytes: number }
  | {
      readonly event: 'summary';
      readonly findings: number;
      readonly remaining: number;
      readonly blobs: number;
      readonly bytes: number;
      readonly complete: boolean;
    };

/** Paths are looked for this many contents; more would not be read. */
const PATHS_FOR = 50;

/** What the scrub has to tell, with the paths of the files that are concerned. */
export class ScrubReport {
  constructor(
    private readonly store: MetadataStore,
    private readonly scrubber: Scrubber,
  ) {}

  async status(): Promise<ScrubView[]> {
    const scrubs = await this.scrubber.status();
    return Promise.all(
      scrubs.map(async ({ started_ms, finished_ms, next_ms, damaged, ...rest }) => {
        const paths = await this.pathsOf(damaged.slice(0, PATHS_FOR).map(({ content_id }) => content_id));
        const views = damaged.map(({ key, content_id: content, problem, found_ms }) => {
          const own = paths.filter((each) => each.content === content).map(({ path }) => path);
          return { key, content, problem, found: timeOf(found_ms), paths: own };
        });
        const [started, finished, next] = [started_ms, finished_ms, next_ms].map((ms) => (ms === null ? null : timeOf(ms)));
        return { ...rest, started: started ?? null, finished: finished ?? null, next: next ?? null, damaged: views };
      }),
    );
  }

  /** Checks every blob of this node now. */
  async *run(): AsyncGenerator<ScrubReportEvent> {
    let findings = 0;
    for await (const event of this.scrubber.now()) {
      if (event.event === 'progress') {
        yield event;
      } else if (event.event === 'end') {
        const { finished, blobs, bytes, damaged } = event;
        yield { event: 'summary', findings, remaining: damaged, blobs, bytes, complete: finished };
      } else {
        const finding = findingOf(event.finding, event.repaired ? 'repaired' : 'kept');
        const paths = findings++ < PATHS_FOR ? await this.pathsOf([event.finding.content.id]) : [];
        yield { ...finding, paths: paths.map(({ path }) => path) };
      }
    }
  }

  private pathsOf(contents: readonly ContentId[]): Promise<ContentPath[]> {
    return this.store.pathsOf(contents);
  }
}

function timeOf(ms: number): string {
  return new Date(ms).toISOString();
}
