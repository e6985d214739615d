const TYPE_MAX_LENGTH = 255;
const TOKEN = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+";
const MEDIA_TYPE = new RegExp(`(${TOKEN}/${TOKEN})[ \\t]*`, 'y');
const PARAMETER = new RegExp(
  `;[ \\t]*(?:(${TOKEN})=(${TOKEN}|"(?:[\\t\\x20\\x21\\x23-\\x5b\\x5d-\\x7e]|\\\\[\\x20-\\x7e])*"))?[ \\t]*`,
  'y',
);

// Encodings in which harmless-looking ASCII reads as markup.
const UNSAFE_CHARSET = /^"?(?:utf-?7|iso-2022|hz-gb|cesu|bocu|scsu|x-user-defined|utf-?32)/i;

/**
 * What of an upload's `Content-Type` is kept with the file: type, subtype and parameters as RFC 9110 §8.3.1 writes
 * them. `null` for none, for a malformed or overlong one, and for what says how a form was sent, not what a file is
 * (`curl -d` and `--data-binary` claim a form unasked). A charset that turns plain text into markup is dropped.
 */
export function storedContentType(header: string | undefined): string | null {
  if (header === undefined || header.length > TYPE_MAX_LENGTH) return null;
  MEDIA_TYPE.lastIndex = 0;
  const type = MEDIA_TYPE.exec(header)?.[1]?.toLowerCase();
  if (type === undefined || type === 'application/x-www-form-urlencoded' || type.startsWith('multipart/')) return null;
  let stored = type;
  let position = MEDIA_TYPE.lastIndex;
  while (position < header.length) {
    PARAMETER.lastIndex = position;
    const match = PARAMETER.exec(header);
    if (!match) return null;
    position = PARAMETER.lastIndex;
    const name = match[1]?.toLowerCase();
    const value = match[2];
    if (name === undefined || value === undefined) continue; // RFC 9110 §5.6.6: an empty parameter does not count
    if (name === 'charset' && UNSAFE_CHARSET.test(value)) continue;
    stored += `; ${name}=${value}`;
  }
  return stored.length > TYPE_MAX_LENGTH ? null : stored;
}
