import { Injectable } from '@nestjs/common';
import { CallfsError } from '@callfs/core';
import { LinkRows } from './link-rows';

/** About so many links a user may have. A link is a row, and whoever makes them needs no more than to read one file. */
const LINKS_MAX = 100_000;
/** Of what is free or has ended, so much at once: the fewer there are, the more seldom they are counted. */
const SHARE = 10;
/** Whoever has too many is counted again no sooner than this. */
const AGAIN_MS = 1000;

interface Room {
  /** So many links may be made before they are counted again. */
  left: number;
  readonly isFull: boolean;
  readonly countedMs: number;
}

/**
 * Sees to it that nobody fills the metadata with links. Counting takes as long as there are links, so it is done once for
 * many that are made; each node counts for itself, so there may be a few more than the bound.
 */
@Injectable()
export class LinkRoom {
  private readonly rooms = new Map<string, Promise<Room>>();

  constructor(private readonly rows: LinkRows) {}

  /**
   * Room for one more link of `user`; for it those that have ended are forgotten, the oldest first. `INSUFFICIENT_STORAGE`
   * when there are too many that have not.
   */
  async take(user: string): Promise<void> {
    for (;;) {
      const counted = this.rooms.get(user) ?? this.count(user);
      const room = await counted;
      if (room.left-- > 0) return;
      if (room.isFull && performance.now() < room.countedMs + AGAIN_MS) throw tooMany(user);
      if (this.rooms.get(user) === counted) this.rooms.delete(user);
    }
  }

  private count(user: string): Promise<Room> {
    const counted = this.look(user);
    this.rooms.set(user, counted);
    counted.catch(() => this.rooms.delete(user));
    return counted;
  }

  private async look(user: string): Promise<Room> {
    let known = await this.rows.count(user, LINKS_MAX);
    if (known >= LINKS_MAX) known -= await this.rows.forgetEnded(user, LINKS_MAX / SHARE);
    const left = Math.ceil((LINKS_MAX - known) / SHARE);
    return { left, isFull: left === 0, countedMs: performance.now() };
  }
}

function tooMany(user: string): CallfsError {
  return new CallfsError(
    'INSUFFICIENT_STORAGE',
    `${user} has ${LINKS_MAX} links that still work, as many as there may be. Revoke some that are not needed any more (GET /v1/links lists them), and let links expire sooner.`,
    { details: { user, max: LINKS_MAX } },
  );
}
