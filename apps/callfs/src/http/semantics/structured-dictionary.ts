/** A member's bytes or integer; the digest fields define no other values. */
export type MemberValue = Buffer | number;

const KEY = '[a-z*][a-z0-9_\\-.*]*';
const BYTES = ':([A-Za-z0-9+/]*={0,2}):';
const INTEGER = '(-?\\d{1,15})';
const BARE_ITEM = [
  '-?\\d{1,12}\\.\\d{1,3}',
  '-?\\d{1,15}',
  '"(?:[\\x20\\x21\\x23-\\x5b\\x5d-\\x7e]|\\\\["\\\\])*"',
  "[A-Za-z*][!#$%&'*+\\-.^_`|~:/0-9A-Za-z]*",
  ':[A-Za-z0-9+/=]*:',
  '\\?[01]',
].join('|');

const MEMBER = new RegExp(
  `(${KEY})=(?:${BYTES}|${INTEGER})(?:; *${KEY}(?:=(?:${BARE_ITEM}))?)*[ \\t]*(?:(,)[ \\t]*(?!$)|$)`,
  'y',
);

/**
 * Reads a dictionary of RFC 8941 whose values are byte sequences or integers; parameters are read over. `undefined`
 * when it is malformed or has other values. Of a repeated key the last counts.
 */
export function parseDictionary(header: string): ReadonlyMap<string, MemberValue> | undefined {
  const members = new Map<string, MemberValue>();
  const text = header.replace(/^ +| +$/g, '');
  MEMBER.lastIndex = 0;
  let more = text !== '';
  while (more) {
    const match = MEMBER.exec(text);
    if (!match) return undefined;
    const [, key = '', bytes, integer, comma] = match;
    members.set(key, bytes === undefined ? Number(integer) : Buffer.from(bytes, 'base64'));
    more = comma !== undefined;
  }
  return members;
}
