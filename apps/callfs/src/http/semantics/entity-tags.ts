/** A list of entity tags as written (`"a"`, `W/"b"`), or `*`: whatever there is. */
export type EntityTags = readonly string[] | '*';

// etagc of RFC 9110 §8.8.3: a comma is an ordinary character inside a tag, so the list cannot be split at commas.
// Written so that no character can match twice: a long run of spaces costs linear time.
const ELEMENT = /[ \t]*(?:((?:W\/)?"[\x21\x23-\x7e\x80-\xff]*")[ \t]*)?(,|$)/y;

/** Reads `*` or a list of entity tags; `undefined` when it is neither. */
export function parseEntityTags(header: string): EntityTags | undefined {
  if (header.trim() === '*') return '*';
  const tags: string[] = [];
  let separator: string | undefined = ',';
  ELEMENT.lastIndex = 0;
  while (separator === ',') {
    const match = ELEMENT.exec(header);
    if (!match) return undefined;
    if (match[1] !== undefined) tags.push(match[1]);
    separator = match[2];
  }
  return tags.length === 0 ? undefined : tags;
}

/** The tags without `W/`: weak comparison is comparison of these (RFC 9110 §8.8.3.2). */
export function opaqueTags(tags: EntityTags): EntityTags {
  return tags === '*' ? tags : tags.map((tag) => (tag.startsWith('W/') ? tag.slice(2) : tag));
}
