import { validateHeaderValue } from 'node:http';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { contentDisposition, isActiveContent } from './content-disposition';

describe('B2 contentDisposition', () => {
  it.each([
    ['report.pdf', 'attachment; filename="report.pdf"'],
    ['a b;c,d.txt', 'attachment; filename="a b;c,d.txt"'],
    ['"; filename=x', `attachment; filename="_; filename=x"; filename*=UTF-8''%22%3B%20filename%3Dx`],
    ['a\r\nSet-Cookie: b', 'attachment; filename="a__Set-Cookie: b"'],
    ['100%.txt', `attachment; filename="100_.txt"; filename*=UTF-8''100%25.txt`],
    ['😀.txt', `attachment; filename="_.txt"; filename*=UTF-8''%F0%9F%98%80.txt`],
    ['דוח.txt', `attachment; filename="___.txt"; filename*=UTF-8''%D7%93%D7%95%D7%97.txt`],
    ["it's(1)*.txt", `attachment; filename="it's(1)*.txt"`],
    ["é's*", `attachment; filename="_'s*"; filename*=UTF-8''%C3%A9%27s%2A`],
    ['../../etc/passwd', 'attachment; filename=".._.._etc_passwd"'],
    ['a\\b', 'attachment; filename="a_b"'],
    ['\ud800.txt', `attachment; filename="_.txt"; filename*=UTF-8''%EF%BF%BD.txt`],
  ])('%j', (name, expected) => {
    expect(contentDisposition('attachment', name)).toBe(expected);
    expect(contentDisposition('inline', name)).toBe(expected.replace('attachment', 'inline'));
  });

  it('is a header value that Node sends, with one parameter of each kind, whatever the name', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (name) => {
        const value = contentDisposition('attachment', name);
        validateHeaderValue('content-disposition', value);
        expect(value).toMatch(/^attachment; filename="[\x20-\x21\x23-\x7e]*"(?:; filename\*=UTF-8''[^\s;"]*)?$/);
      }),
    );
  });
});

describe('B1 isActiveContent', () => {
  it.each([
    'text/html',
    'TEXT/HTML; charset=utf-8',
    'text/html ;x=y',
    'application/xhtml+xml',
    'image/svg+xml',
    'text/xml',
    'application/xml',
    'application/atom+xml; type=feed',
    'text/javascript',
    'application/javascript',
    'application/pdf',
    'multipart/x-mixed-replace; boundary=a',
    'message/rfc822',
  ])('%s is sent as an attachment', (type) => expect(isActiveContent(type)).toBe(true));

  it.each([
    'text/plain',
    'application/octet-stream',
    'image/png',
    'video/mp4',
    'application/json',
    'text/htmlx',
    'xml/plain',
    null,
  ])('%s is not', (type) => expect(isActiveContent(type)).toBe(false));
});
