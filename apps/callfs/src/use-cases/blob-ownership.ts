import { Logger } from '@nestjs/common';
import { CallfsError } from '@callfs/core';
import type { MetadataStore, StoreIdentity } from '@callfs/metadata';
import { GUEST_PREFIX, OWNER_MARK, type Claims, type StorageProvider } from '@callfs/storage';

/** Whether what this metadata does not know may be removed from a backend. */
export type Standing =
  | { readonly isOurs: true }
  | {
      readonly isOurs: false;
      /** The other metadata stores that have blobs there, as far as anybody has said so. */
      readonly others: readonly string[];
      /** Nothing is there of what the metadata has there. */
      readonly isEmptied?: true;
      /** This store has its mark there already. */
      readonly isGuest?: boolean;
      /** What it means and what to do, for the operator. */
      readonly message: string;
    };

const OURS: Standing = { isOurs: true };
/** Of a place that nobody has claimed, so many blobs are looked at: their keys are random. */
const SAMPLE = 1000;
/** More unknown blobs than these are not what failed writes have left. */
export const USUAL_MAX = 20;

/** A copy that may not collect in a place is told so again and again: it has blobs that it keeps waiting there. */
const ASK_AGAIN_MS = 5 * 60_000;

/** A guest that runs renews its mark with each sweep, and a sweep is due four times a day. */
const RENEWED_EVERY = 'six hours';

const PLACES: Readonly<Record<string, { readonly key: string; readonly kind: string; readonly ask: string }>> = {
  localfs: { key: 'backend.localfs_root_path', kind: 'root', ask: 'Is its disk mounted, and is it the right one?' },
  s3: { key: 'backend.s3.bucket_name', kind: 'bucket', ask: 'Is it the right one?' },
};

/**
 * Knows whose the blobs of a backend are. To a metadata store that is not theirs (another `sqlite_path`, another database, one that
 * was made anew) they all look like garbage. So the stores write down beside their blobs that they are there, and nothing
 * is removed for being unknown, by whomever, unless one store is alone. Reading and writing go on, since keys
 * are random, and so does the collection of what a store has removed itself.
 *
 * A place is the first one's. Whoever comes after is a guest, and says so before its first blob: to have looked in by mistake
 * leaves no trace. A place that an earlier version has filled is claimed by a metadata store that knows what is in it. One that
 * is empty, though the metadata has blobs there, is not the place: a disk that is not mounted looks so. Nobody writes there.
 */
export class BlobOwnership {
  private readonly logger = new Logger(BlobOwnership.name);
  /** What was said last, by backend. */
  private readonly told = new Map<string, string>();
  /** Until when nothing is to be collected, by backend and the monotonic clock. */
  private readonly refusedUntil = new Map<string, number>();

  constructor(
    private readonly store: MetadataStore,
    private readonly instanceId: string,
  ) {}

  /** As it is now; a place may change below a node that runs. What is new about it is told in the log. */
  async judge(provider: StorageProvider): Promise<Standing> {
    const identity = await this.identityAt(provider);
    const standing = await this.look(provider, identity).catch((error: unknown): Standing => {
      if (!CallfsError.is(error)) throw error;
      const message = `Which metadata stores have their blobs in ${provider.name} cannot be read (${error.message}) Until it can, none is removed for being unknown to this one.`;
      return { isOurs: false, others: [], message };
    });
    // Whoever would write in an empty place is told by the error.
    const message = standing.isOurs || standing.isEmptied ? '' : standing.message;
    // That marks grow older is no news.
    const news = standing.isOurs || standing.others.length === 0 ? message : standing.others.join();
    if (message !== '' && news !== this.told.get(provider.name)) this.logger.warn(message);
    this.told.set(provider.name, news);
    return standing;
  }

  /**
   * The same, by a node that is going to write: where the place is not its store's alone, it says that it is there too.
   * `BACKEND_UNAVAILABLE` where nothing is of what should be there: what was written would be lost from sight with the mistake.
   */
  async moveIn(provider: StorageProvider): Promise<Standing> {
    const standing = await this.judge(provider);
    if (standing.isOurs) return standing;
    if (standing.isEmptied) throw new CallfsError('BACKEND_UNAVAILABLE', standing.message);
    const { id, copyOf } = await this.identityAt(provider);
    // A mark that is there is renewed, so that others can tell that its store lives. What came with a copy is the other store's, which knows it.
    if (standing.isGuest) await provider.marks?.enter(id);
    else if (copyOf === null && (await this.store.hasBlobsIn(provider.name, this.placeOf(provider))))
      await provider.marks?.enter(id);
    else provider.marks?.announce(id);
    return standing;
  }

  /**
   * Whether blobs that this store has removed may be deleted: those that came with a copy of a store are that one's. Where they
   * may not, they may not for a while.
   */
  async mayCollect(provider: StorageProvider): Promise<boolean> {
    const { copyOf } = await this.store.identity();
    if (copyOf === null) return true;
    if ((this.refusedUntil.get(provider.name) ?? 0) > performance.now()) return false;
    const { isOurs } = await this.judge(provider);
    if (!isOurs) this.refusedUntil.set(provider.name, performance.now() + ASK_AGAIN_MS);
    return isOurs;
  }

  /**
   * The place is this store's alone from now on, also when the store is a copy of another. `CONFLICT` when there are others by now
   * than `others` tells.
   */
  async adopt(provider: StorageProvider, others: readonly string[]): Promise<void> {
    const { id } = await this.store.identity();
    for (const other of [id, ...others]) {
      await provider.marks?.claim(id, other);
      await provider.marks?.leave(other);
    }
    const { owner, guests } = (await provider.marks?.read()) ?? NOBODY;
    // A sweep that looked before may have said that this store is a guest, which means nothing where it is the owner.
    if (owner !== id || guests.some((guest) => guest !== id))
      throw new CallfsError('CONFLICT', `Others have blobs in ${provider.name} by now. Look again with "callfs gc".`);
    await this.store.adopt(provider.name, this.placeOf(provider));
    this.refusedUntil.delete(provider.name);
    this.logger.warn(`The blobs in ${provider.name} are this metadata store's alone now (${id}; before: ${listed(others)})`);
  }

  /** A copy of a store is none where it has been told that the place is its own. */
  private async identityAt(provider: StorageProvider): Promise<StoreIdentity> {
    const identity = await this.store.identity();
    if (identity.copyOf === null) return identity;
    const isAdopted = await this.store.hasAdopted(provider.name, this.placeOf(provider));
    return isAdopted ? { ...identity, copyOf: null } : identity;
  }

  private async look(provider: StorageProvider, identity: StoreIdentity): Promise<Standing> {
    const { id } = identity;
    const { owner = await this.claimFamiliar(provider, identity), guests } = (await provider.marks?.read()) ?? NOBODY;
    if (typeof owner !== 'string') {
      const others = guests.filter((guest) => guest !== id);
      return owner === EMPTIED
        ? { isOurs: false, others, isEmptied: true, message: emptied(provider) }
        : { isOurs: false, others, message: nobodys(provider, owner) };
    }
    const others = [...new Set([owner, ...guests])].filter((other) => other !== id);
    if (others.length === 0) return OURS;
    const marks = others.map((other) => (other === owner ? OWNER_MARK : GUEST_PREFIX + other));
    const told = await Promise.all(marks.map((mark) => this.describe(provider, mark)));
    return { isOurs: false, others, isGuest: guests.includes(id), message: shared(provider, told, id) };
  }

  /** A mark, and how old it is as far as clocks agree: of a root by this node's, of what all share by the metadata's. */
  private async describe(provider: StorageProvider, mark: string): Promise<string> {
    const writtenMs = await provider.marks?.writtenMs(mark);
    if (writtenMs === undefined) return mark;
    const nowMs = provider.isShared ? await this.store.tables.nowMs() : Date.now();
    return `${mark}, written ${new Date(writtenMs).toISOString()} (${ageOf(nowMs - writtenMs)} ago)`;
  }

  /** Whose a place is that nobody had claimed, or what speaks against its being this store's. */
  private async claimFamiliar(provider: StorageProvider, { id, copyOf }: StoreIdentity): Promise<string | Sample> {
    // Of a copy they are where the other store has them. It is asked first: another node may write meanwhile.
    const isFilled = copyOf === null && (await this.store.hasBlobsIn(provider.name, this.placeOf(provider)));
    const sample = await this.sample(provider);
    if (isFilled && sample.known + sample.unknown === 0) return EMPTIED;
    // A copy knows the blobs of the store that it was made of, which may not have claimed them yet.
    const isTheirs = copyOf !== null && sample.known > 0;
    const isFamiliar = !isTheirs && sample.unknown <= Math.min(USUAL_MAX, sample.known);
    return provider.marks && isFamiliar ? provider.marks.claim(id) : sample;
  }

  private async sample(provider: StorageProvider): Promise<Sample> {
    const keys: string[] = [];
    for await (const { key } of provider.list()) if (keys.push(key) === SAMPLE) break;
    const known = await this.store.knownKeys(provider.name, this.placeOf(provider), keys);
    // What the metadata has as another node's is its own as well: this one had another name.
    const held = await this.store.heldKeys(provider.name, keys);
    const { size } = new Set([...known, ...held.map(({ key }) => key)]);
    return { known: size, unknown: keys.length - size };
  }

  private placeOf({ isShared }: StorageProvider): string {
    return isShared ? '' : this.instanceId;
  }
}

const EMPTIED = { known: 0, unknown: 0 } as const;
const NOBODY: Claims = { owner: undefined, guests: [] };

interface Sample {
  readonly known: number;
  readonly unknown: number;
}

function shared(provider: StorageProvider, marks: readonly string[], id: string): string {
  const { name } = provider;
  const { key, kind } = placeCalled(name);
  const fact = `The blobs in ${name} are not this metadata store's alone (${id}): others have their marks in its ${kind} (${key}): ${listed(marks)}`;
  const age = marks.some((mark) => mark.startsWith(GUEST_PREFIX))
    ? ` A guest that runs renews its mark every ${RENEWED_EVERY} at least, if the clocks are right.`
    : '';
  return `${fact}. None is removed for being unknown.${age} ${whatToDo(provider)}`;
}

function nobodys(provider: StorageProvider, { known, unknown }: Sample): string {
  const fact = `Nobody has claimed the blobs in ${provider.name}, and of ${known + unknown} that were looked at this metadata knows ${known}`;
  return `${fact}. None is removed for being unknown. ${whatToDo(provider)}`;
}

function emptied({ name }: StorageProvider): string {
  const { key, kind, ask } = placeCalled(name);
  return (
    `The ${kind} of ${name} (${key}) is empty, but the metadata has blobs in it. ${ask} If they are gone for good, run ` +
    `"callfs gc --offline --adopt ${name} --yes", start again, and have "callfs fsck --repair" fetch what other nodes have of them.`
  );
}

function listed(stores: readonly string[]): string {
  return stores.length === 0 ? 'nobody' : stores.join(' and ');
}

function placeCalled(name: string): { readonly key: string; readonly kind: string; readonly ask: string } {
  return PLACES[name] ?? { key: `backend ${name}`, kind: 'place', ask: 'Is it the right one?' };
}

function whatToDo({ name }: StorageProvider): string {
  const { key, kind } = placeCalled(name);
  return (
    `Is metadata_store the one that they belong to? If so, give others a ${kind} of their own (${key}). What is of a store that is gone ` +
    `for good "callfs gc --adopt ${name}" shows; "callfs gc --adopt ${name} --yes" removes its mark and its blobs.`
  );
}

/** In its largest unit; a clock that is ahead makes nothing younger than new. */
function ageOf(ms: number): string {
  const minutes = Math.max(0, Math.floor(ms / 60_000));
  const [count, unit] =
    minutes < 60
      ? [minutes, 'minute']
      : minutes < 48 * 60
        ? [Math.floor(minutes / 60), 'hour']
        : [Math.floor(minutes / 1440), 'day'];
  return `${count} ${unit}${count === 1 ? '' : 's'}`;
}
