import { CallfsError, isStorageKey, type StorageKey } from '@callfs/core';
import {
  StorageProvider,
  type BlobBody,
  type ListedObject,
  type ReadOptions,
  type StoredObject,
  type WriteOptions,
} from '../storage-provider';
import { withDigest } from '../hashed-body';
import { CheckedBody } from './checked-body';
import type { PeerAnswer, PeerLink } from './peer-link';

/** Where nodes serve their blobs to each other. */
export const PEER_BLOBS = '/internal/v1/blobs';

/** A backend of another node, through that node. */
export class PeerProvider extends StorageProvider {
  readonly isShared = false;
  private readonly base: string;

  constructor(
    /** What the other node calls it. */
    readonly name: string,
    private readonly link: PeerLink,
    /** Told when the other node sends a content that is not the one it should be. */
    private readonly sentWrong: () => void = () => undefined,
  ) {
    super();
    this.base = `${PEER_BLOBS}/${name}`;
  }

  write(key: StorageKey, body: AsyncIterable<Uint8Array>, options: WriteOptions = {}): Promise<StoredObject> {
    return withDigest(body, options.sha256, (hashed) => this.send(key, hashed, options));
  }

  private async send(key: StorageKey, body: AsyncIterable<Uint8Array>, options: WriteOptions): Promise<StoredObject> {
    let isTaken = false;
    const taken = {
      [Symbol.asyncIterator]: () => {
        isTaken = true;
        return body[Symbol.asyncIterator]();
      },
    };
    try {
      const answer = await this.link.send({ method: 'PUT', target: `${this.base}/${key}`, body: taken, ...options });
      await drained(answer);
      if (answer.objectSize === undefined) throw wrongAnswer('does not say how much it has stored');
      return { key, size: answer.objectSize };
    } catch (error) {
      // Of a request that broke off at its end nobody knows whether it was done. One that never began left nothing.
      if (isTaken) await this.delete(key).catch(() => undefined);
      throw error;
    }
  }

  async read(key: StorageKey, { range, expected, signal, actingFor }: ReadOptions = {}): Promise<BlobBody> {
    const query = range ? `?offset=${range.offset}&length=${range.length}` : '';
    const answer = await this.link.send({ method: 'GET', target: `${this.base}/${key}${query}`, signal, actingFor });
    const size = expected?.size ?? answer.objectSize;
    const length = range?.length ?? size;
    if (answer.objectSize === size && answer.length === length)
      return expected ? new CheckedBody(answer.body, expected, range, (what) => this.wrong(what)) : answer.body;
    await left(answer);
    throw this.wrong(`has ${answer.length} of ${answer.objectSize} bytes where ${length} of ${size} are wanted`);
  }

  async stat(key: StorageKey): Promise<StoredObject> {
    const answer = await this.link.send({ method: 'GET', target: `${this.base}/${key}?stat` });
    await drained(answer);
    if (answer.objectSize === undefined) throw wrongAnswer('does not say how large a blob is');
    return { key, size: answer.objectSize };
  }

  async delete(key: StorageKey): Promise<void> {
    await drained(await this.link.send({ method: 'DELETE', target: `${this.base}/${key}` }));
  }

  async *list(): AsyncGenerator<ListedObject> {
    const { body } = await this.link.send({ method: 'GET', target: this.base });
    let rest = '';
    let isWhole = false;
    for await (const chunk of body) {
      const lines = (rest + chunk.toString('latin1')).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        if (line === '{}') isWhole = true;
        else yield listed(line);
      }
    }
    if (!isWhole || rest !== '') throw wrongAnswer('ended in the middle of the list of its blobs');
  }

  async check(): Promise<void> {
    await drained(await this.link.send({ method: 'GET', target: `${this.base}?check` }));
  }

  override async settle(key: StorageKey): Promise<void> {
    await drained(await this.link.send({ method: 'POST', target: `${this.base}/${key}` }));
  }

  /** The link is its owner's. */
  async close(): Promise<void> {}

  private wrong(what: string): CallfsError {
    this.sentWrong();
    return wrongAnswer(what);
  }
}

function listed(line: string): ListedObject {
  const { key, size, modifiedMs, isUnsettled } = JSON.parse(line) as ListedObject;
  if (!isStorageKey(key) || typeof size !== 'number' || typeof modifiedMs !== 'number')
    throw wrongAnswer('lists what is no blob');
  return { key, size, modifiedMs, isUnsettled };
}

async function drained({ body }: PeerAnswer): Promise<void> {
  for await (const _chunk of body);
}

async function left({ body }: PeerAnswer): Promise<void> {
  await body[Symbol.asyncIterator]().return?.();
}

export function wrongAnswer(what: string): CallfsError {
  return new CallfsError('PEER_UNAVAILABLE', 'The node that has the content answers wrongly. Look at its log.', {
    cause: new Error(`the peer ${what}`),
  });
}
