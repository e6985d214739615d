const PLAIN = /^(?! )[\x20-\x7e]*(?<! )$/;
const LOOKS_EXTENDED = /^utf-8'/i;
const NOT_ATTR_CHAR = /['()*]/g;

/** `UTF-8''%E2%82%AC`, the extended value of RFC 8187 §3.2. A lone surrogate becomes U+FFFD. */
export function extendedValue(text: string): string {
  const wellFormed = Buffer.from(text).toString();
  const encoded = encodeURIComponent(wellFormed).replace(
    NOT_ATTR_CHAR,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `UTF-8''${encoded}`;
}

/** `text` as a header's value: itself when it is plain ASCII, else an extended value. Node refuses to send anything else. */
export function headerText(text: string): string {
  return PLAIN.test(text) && !LOOKS_EXTENDED.test(text) ? text : extendedValue(text);
}
