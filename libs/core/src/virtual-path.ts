import { CallfsError } from './callfs-error';

/** Bytes of UTF-8 in one name (`NAME_MAX`) and in a whole path (`PATH_MAX`). */
export const NAME_MAX_BYTES = 255;
export const PATH_MAX_BYTES = 4096;

// C0, DEL, backslash and the bidirectional controls (U+202A–202E, U+2066–2069), which make a name look like another.

const FORBIDDEN = /[\u0000-\u001f\u007f\\\u202a-\u202e\u2066-\u2069]/;
const LONE_SURROGATE = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/;
const NOT_ASCII = /[^\x00-\x7f]/;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * A canonical absolute path: names only (NFC, validated), no `.`, `..` or empty name. Every step after the front
 * door takes this object and never a string from the request, so a path is decoded and judged exactly once.
 */
export class VirtualPath {
  static readonly root = new VirtualPath([], false);
  private text: string | undefined;

  private constructor(
    readonly names: readonly string[],
    /** The caller wrote a trailing `/`: "a directory". */
    readonly saysDirectory: boolean,
  ) {}

  /**
   * Reads a percent-encoded URL path (RFC 3986 §2.1), decoding once. Bytes above 0x7F that a client left bare
   * (curl does), which Node hands on as Latin-1, count as themselves. `INVALID_PATH` when it is not acceptable.
   */
  static fromUrl(encoded: string): VirtualPath {
    const plain = !encoded.includes('%') && !NOT_ASCII.test(encoded);
    return plain ? VirtualPath.parse(encoded, true) : VirtualPath.parse(percentDecode(encoded), false);
  }

  /** Reads a path as it stands in JSON, a header or a command line. A leading `/` may be missing. `INVALID_PATH`. */
  static fromText(text: string): VirtualPath {
    return VirtualPath.parse(text, false);
  }

  /** A path of names that were validated before (rows of the metadata). */
  static ofNames(names: readonly string[]): VirtualPath {
    return names.length === 0 ? VirtualPath.root : new VirtualPath(names, false);
  }

  private static parse(text: string, knownAscii: boolean): VirtualPath {
    const names: string[] = [];
    let bytes = 0;
    const parts = text.split('/');
    for (const part of parts) {
      if (part === '' || part === '.') continue;
      if (part === '..') {
        if (names.length === 0) throw invalidPath('".." climbs above the root');
        bytes -= byteLength(names.pop() ?? '', knownAscii) + 1;
        continue;
      }
      const name = validName(part, knownAscii);
      names.push(name);
      bytes += byteLength(name, knownAscii) + 1;
    }
    if (bytes > PATH_MAX_BYTES) throw invalidPath(`the path is longer than ${PATH_MAX_BYTES} bytes`);
    const last = parts[parts.length - 1];
    return new VirtualPath(names, names.length > 0 && (last === '' || last === '.' || last === '..'));
  }

  /** One name, as PATCH's `name` gives it. `INVALID_PATH` for a `/`, `.`, `..`, an empty or an unacceptable name. */
  static name(text: string): string {
    if (text === '' || text === '.' || text === '..') throw invalidPath(`"${text}" is not a name`);
    if (text.includes('/')) throw invalidPath('a name has no "/"; use "destination" to move to another directory');
    return validName(text, false);
  }

  get isRoot(): boolean {
    return this.names.length === 0;
  }

  /** The last name; empty for `/`. */
  get name(): string {
    return this.names[this.names.length - 1] ?? '';
  }

  /** The directory above; `/` is its own. */
  get parent(): VirtualPath {
    return VirtualPath.ofNames(this.names.slice(0, -1));
  }

  /** The same path when the caller did not mean to insist on a directory. */
  withoutTrailingSlash(): VirtualPath {
    return this.saysDirectory ? VirtualPath.ofNames(this.names) : this;
  }

  /** The path of the first `depth` names. */
  ancestor(depth: number): VirtualPath {
    return depth === this.names.length && !this.saysDirectory ? this : VirtualPath.ofNames(this.names.slice(0, depth));
  }

  /** The path of `name` in this directory; `INVALID_PATH` when it grows longer than a path may be. */
  child(name: string): VirtualPath {
    return this.join([name]);
  }

  /** The path of `names` below this one; `INVALID_PATH` when it grows longer than a path may be. */
  join(names: readonly string[]): VirtualPath {
    const joined = new VirtualPath([...this.names, ...names], false);
    if (Buffer.byteLength(joined.toString()) > PATH_MAX_BYTES)
      throw invalidPath(`the path is longer than ${PATH_MAX_BYTES} bytes`);
    return joined;
  }

  /** Whether this is `other` or lies below it: `/ab` is not below `/a`. */
  isWithin(other: VirtualPath): boolean {
    return other.names.length <= this.names.length && other.names.every((name, index) => name === this.names[index]);
  }

  /** The canonical form, `/a/b`, without a trailing `/`. */
  toString(): string {
    return (this.text ??= `/${this.names.join('/')}`);
  }

  /** The path percent-encoded for a URL, `/` kept; `fromUrl` reads it back. */
  toUrl(): string {
    return `/${this.names.map(encodeURIComponent).join('/')}`;
  }
}

function validName(part: string, knownAscii: boolean): string {
  if (FORBIDDEN.test(part)) throw invalidPath('a name holds a backslash, a control or a bidirectional control character');
  if (!knownAscii && LONE_SURROGATE.test(part)) throw invalidPath('the path is not valid Unicode');
  const name = knownAscii ? part : part.normalize('NFC');
  if (byteLength(name, knownAscii) > NAME_MAX_BYTES) throw invalidPath(`a name is longer than ${NAME_MAX_BYTES} bytes`);
  return name;
}

function byteLength(name: string, knownAscii: boolean): number {
  return knownAscii ? name.length : Buffer.byteLength(name);
}

function percentDecode(encoded: string): string {
  const bytes = Buffer.allocUnsafe(Buffer.byteLength(encoded));
  let length = 0;
  for (let i = 0; i < encoded.length; i++) {
    const char = encoded.charCodeAt(i);
    if (char !== 0x25) {
      if (char > 0xff) throw invalidPath('a URL holds bytes; percent-encode what is not ASCII');
      bytes[length++] = char;
      continue;
    }
    const hex = encoded.slice(i + 1, i + 3);
    if (!/^[0-9a-fA-F]{2}$/.test(hex)) throw invalidPath('"%" is not followed by two hexadecimal digits');
    const byte = Number.parseInt(hex, 16);
    if (byte === 0x2f) throw invalidPath('a name cannot hold "/", so "%2F" has no meaning here');
    bytes[length++] = byte;
    i += 2;
  }
  try {
    return utf8.decode(bytes.subarray(0, length));
  } catch (cause) {
    throw new CallfsError('INVALID_PATH', 'Invalid path: it is not valid UTF-8.', { cause });
  }
}

function invalidPath(reason: string): CallfsError {
  return new CallfsError('INVALID_PATH', `Invalid path: ${reason}.`);
}
