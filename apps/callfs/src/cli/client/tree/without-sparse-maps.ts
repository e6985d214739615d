const BLOCK = 512;
/** Where the fields of a header stand. */
const SIZE = 124;
const SIZE_END = 136;
const TYPE = 156;
const MAGIC = 257;
/** Not 0 where more of the map follows: in the header itself, and in each block of the map. */
const MAP_GOES_ON = 482;
const MAP_BLOCK_GOES_ON = 504;

const EXTENDED_HEADER = 'x'.charCodeAt(0);
const GNU_SPARSE = 'S'.charCodeAt(0);
const GNU_MAGIC = Buffer.from('ustar ');

/**
 * A tar archive without what GNU tar has behind the header of a file with many holes: blocks with the rest of the map,
 * which no size counts, and which a reader that does not know of them takes for the content, and the end of that for
 * the next header. Everything else passes as it is.
 */
export async function* withoutSparseMaps(archive: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let rest: Buffer = Buffer.alloc(0);
  let contentLeft = 0;
  let isInMap = false;
  /** Of the extended header that is passing, whose size may stand for that of the next header. */
  let extended: Buffer[] | undefined;
  let extendedSize: number | undefined;
  for await (const chunk of archive) {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    while (rest.length > 0) {
      if (!isInMap && contentLeft > 0) {
        const part = rest.subarray(0, contentLeft);
        contentLeft -= part.length;
        rest = rest.subarray(part.length);
        extended?.push(part);
        yield part;
        continue;
      }
      if (extended !== undefined) extendedSize = sizeIn(Buffer.concat(extended));
      extended = undefined;
      if (rest.length < BLOCK) break;
      const block = rest.subarray(0, BLOCK);
      rest = rest.subarray(BLOCK);
      if (isInMap) {
        isInMap = block[MAP_BLOCK_GOES_ON] !== 0;
        continue;
      }
      const isSparse = block[TYPE] === GNU_SPARSE && block.subarray(MAGIC, MAGIC + GNU_MAGIC.length).equals(GNU_MAGIC);
      isInMap = isSparse && block[MAP_GOES_ON] !== 0;
      if (block[TYPE] === EXTENDED_HEADER) extended = [];
      contentLeft = BLOCK * Math.ceil((extendedSize ?? number(block.subarray(SIZE, SIZE_END))) / BLOCK);
      extendedSize = undefined;
      yield block;
    }
  }
  yield rest;
}

/** Octal digits, or where these are too few a binary number with its first bit set. */
function number(field: Buffer): number {
  if (((field[0] ?? 0) & 0x80) !== 0) return field.readUIntBE(field.length - 6, 6);
  return Number.parseInt(field.toString('latin1').trim(), 8) || 0;
}

/** The `size` of an extended header: records of `LENGTH KEY=VALUE\n`. */
function sizeIn(records: Buffer): number | undefined {
  let size: number | undefined;
  for (let at = 0; at < records.length;) {
    const length = Number.parseInt(records.toString('latin1', at, at + 20), 10);
    if (!(length > 0)) break;
    const [, value] = /^\d+ size=(\d+)\n$/.exec(records.toString('latin1', at, at + length)) ?? [];
    if (value !== undefined) size = Number(value);
    at += length;
  }
  return size;
}
