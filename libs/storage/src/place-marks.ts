/** The metadata stores that have written down, beside the blobs of a backend, that they keep theirs there. */
export interface Claims {
  /** Whose the place is. `undefined`: nobody has claimed it. */
  readonly owner: string | undefined;
  /** Who else has blobs there. */
  readonly guests: readonly string[];
}

/**
 * What is written down beside the blobs of a backend, of a metadata store each mark: only it can tell which of
 * its blobs belong to nothing, and all of another's seem to. Everything is asked of the medium every time, and durable when it
 * resolves; failures are those of `StorageProvider`.
 */
export abstract class PlaceMarks {
  private announced: string | undefined;

  abstract read(): Promise<Claims>;

  /**
   * The place is `storeId`'s, unless it is somebody's already, other than `instead`'s; resolves to whose it is then. Of several
   * at the same moment one wins, as far as the medium can tell them apart.
   */
  abstract claim(storeId: string, instead?: string): Promise<string>;

  /** When a mark was written last, by the medium's clock; `undefined` when it is not there. */
  abstract writtenMs(mark: string): Promise<number | undefined>;

  /** `storeId` is a guest here; its mark is renewed when it was one already. */
  abstract enter(storeId: string): Promise<void>;

  /** It is none any more, also when it never was. */
  abstract leave(storeId: string): Promise<void>;

  /** `storeId` will be a guest here when it writes its next blob, and not before. */
  announce(storeId: string): void {
    this.announced = storeId;
  }

  /** What a write awaits before its blob can be seen. */
  async beforeBlob(): Promise<void> {
    const guest = this.announced;
    if (guest === undefined) return;
    await this.enter(guest);
    if (this.announced === guest) this.announced = undefined;
  }
}

/** The names of the marks, below a root or in a bucket: beside the blobs and not among them. */
export const OWNER_MARK = 'store-id';
export const GUEST_PREFIX = 'guest-';

/** Whose a mark is that names nobody: never the one's who asks. */
const UNKNOWN = 'unknown';

/** What a mark holds: the id, and a line for whoever finds it. */
export function markOf(storeId: string): Buffer {
  return Buffer.from(`${storeId}\nA metadata store of CallFS that keeps blobs here. Leave this with them.\n`);
}

/** Whom the mark of the owner names. */
export function ownerIn(mark: Buffer): string {
  const [line = ''] = mark.toString('latin1').split('\n');
  return isStoreId(line) ? line : UNKNOWN;
}

/** Those among some names that are marks of guests. */
export function guestsIn(names: readonly string[]): string[] {
  const ids = names.filter((name) => name.startsWith(GUEST_PREFIX)).map((name) => name.slice(GUEST_PREFIX.length));
  return ids.filter(isStoreId).sort();
}

function isStoreId(text: string): boolean {
  return /^[0-9a-f]{32}$/.test(text);
}
