import { GUEST_PREFIX, guestsIn, markOf, OWNER_MARK, ownerIn, PlaceMarks, type Claims } from '../place-marks';
import { isConditionRefused, isMissing, isNotImplemented, s3Failure } from './s3-errors';
import type { S3Requests } from './s3-requests';

const PAGE = 1000;

/**
 * Objects beside those of the blobs. The owner's is put on a condition, so that of several who find none one wins; where the
 * server knows no conditions the last one does, and each reads afterwards what stands there.
 */
export class S3Marks extends PlaceMarks {
  constructor(private readonly requests: S3Requests) {
    super();
  }

  override async read(): Promise<Claims> {
    const [owner, names] = await Promise.all([this.readOwner(), this.guestNames()]);
    return { owner, guests: guestsIn(names) };
  }

  override async claim(storeId: string, instead?: string): Promise<string> {
    const owner = await this.readOwner();
    if (owner !== undefined && owner !== instead) return owner;
    // `If-Match` would do it at once; Ceph compares it with an ETag without its quotes.
    if (owner !== undefined) await this.remove(OWNER_MARK);
    await this.putOwner(storeId);
    const now = await this.readOwner();
    if (now === undefined) throw s3Failure('keep an object', new Error(`${OWNER_MARK} was gone at once`));
    return now;
  }

  override async writtenMs(mark: string): Promise<number | undefined> {
    const { Contents = [] } = await this.requests.list(mark, 1).catch((error: unknown) => {
      throw s3Failure('list its objects', error);
    });
    const found = Contents.find(({ Key }) => Key === mark);
    return found?.LastModified?.getTime();
  }

  override async enter(storeId: string): Promise<void> {
    await this.requests.put(GUEST_PREFIX + storeId, markOf(storeId)).catch((error: unknown) => {
      throw s3Failure('take an object', error);
    });
  }

  override leave(storeId: string): Promise<void> {
    return this.remove(GUEST_PREFIX + storeId);
  }

  private async readOwner(): Promise<string | undefined> {
    try {
      return ownerIn(await this.requests.getWhole(OWNER_MARK));
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw s3Failure('read an object', error);
    }
  }

  /** A page is enough: more than one guest is one too many. */
  private async guestNames(): Promise<string[]> {
    const { Contents = [] } = await this.requests.list(GUEST_PREFIX, PAGE).catch((error: unknown) => {
      throw s3Failure('list its objects', error);
    });
    return Contents.map(({ Key = '' }) => Key);
  }

  private async remove(object: string): Promise<void> {
    await this.requests.delete(object).catch((error: unknown) => {
      if (!isMissing(error)) throw s3Failure('delete an object', error);
    });
  }

  private async putOwner(storeId: string): Promise<void> {
    const mark = markOf(storeId);
    try {
      await this.requests.put(OWNER_MARK, mark, { IfNoneMatch: '*' });
    } catch (error) {
      // Somebody else was first.
      if (isConditionRefused(error)) return;
      if (!isNotImplemented(error)) throw s3Failure('take an object', error);
      await this.requests.put(OWNER_MARK, mark).catch((cause: unknown) => {
        throw s3Failure('take an object', cause);
      });
    }
  }
}
