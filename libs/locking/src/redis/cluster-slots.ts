const SLOTS = 16_384;
const POLYNOMIAL = 0x1021;

/** The slot of a key on a Redis Cluster: CRC-16/XMODEM of it, or of what stands between its first braces. */
export function slotOf(key: string): number {
  const open = key.indexOf('{');
  const close = open < 0 ? -1 : key.indexOf('}', open + 1);
  return crc16(Buffer.from(close > open + 1 ? key.slice(open + 1, close) : key)) % SLOTS;
}

let tags: readonly string[] | undefined;

/** A text that puts a key into `slot` when it stands in braces. */
export function tagOf(slot: number): string {
  tags ??= findTags();
  return tags[slot] ?? '';
}

function findTags(): string[] {
  const found: string[] = [];
  for (let number = 0, left = SLOTS; left > 0; number++) {
    const slot = slotOf(String(number));
    if (found[slot] !== undefined) continue;
    found[slot] = String(number);
    left--;
  }
  return found;
}

function crc16(bytes: Uint8Array): number {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (crc << 1) ^ POLYNOMIAL : crc << 1;
  }
  return crc & 0xffff;
}
