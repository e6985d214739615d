import { extendedValue } from './header-text';

// Controls, and what separates directories: a name from a link's JSON must not choose where a browser saves.
const UNSAFE_IN_NAME = /[\u0000-\u001f\u007f-\u009f/\\\u202a-\u202e\u2066-\u2069]/g;
// Outside ASCII, and what a quoted string would have to escape; "%" too, which some browsers decode (RFC 6266 appendix D).
const UNSAFE_IN_QUOTES = /[^\x20-\x7e]|["%]/gu;

/** A `Content-Disposition` that every file name survives (RFC 6266): `filename*` says what `filename` cannot. */
export function contentDisposition(type: 'attachment' | 'inline', filename: string): string {
  const name = filename.replace(UNSAFE_IN_NAME, '_');
  const ascii = name.replace(UNSAFE_IN_QUOTES, '_');
  const plain = `${type}; filename="${ascii}"`;
  return ascii === name ? plain : `${plain}; filename*=${extendedValue(name)}`;
}

const ACTIVE_TYPES = new Set([
  'text/html',
  'text/xml',
  'text/xsl',
  'text/javascript',
  'text/ecmascript',
  'text/jscript',
  'text/livescript',
  'text/vbscript',
  'text/cache-manifest',
  'text/x-component',
  'text/x-scriptlet',
  'text/x-server-parsed-html',
  'application/xml',
  'application/xml-dtd',
  'application/xml-external-parsed-entity',
  'text/xml-external-parsed-entity',
  'application/javascript',
  'application/x-javascript',
  'application/ecmascript',
  'application/pdf',
  'application/x-shockwave-flash',
  'application/hta',
  'application/x-ms-application',
  'message/rfc822',
]);

/**
 * Whether a browser would run code from a body of this type, or read more out of it than data: HTML, SVG, every XML,
 * scripts, PDF, multipart. Such bodies are sent as attachments. `null`: no type was stored.
 */
export function isActiveContent(contentType: string | null): boolean {
  if (contentType === null) return false;
  const semicolon = contentType.indexOf(';');
  const type = (semicolon === -1 ? contentType : contentType.slice(0, semicolon)).trim().toLowerCase();
  return ACTIVE_TYPES.has(type) || type.endsWith('+xml') || type.startsWith('multipart/');
}
