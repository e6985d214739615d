import { validateHeaderValue } from 'node:http';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { storedContentType } from './stored-content-type';

it.each([
  [undefined, null],
  ['text/plain', 'text/plain'],
  ['Text/PLAIN;Charset=UTF-8', 'text/plain; charset=UTF-8'],
  ['text/plain; charset="utf-8" ; format=flowed', 'text/plain; charset="utf-8"; format=flowed'],
  ['audio/ogg;codecs="opus, vorbis"', 'audio/ogg; codecs="opus, vorbis"'],
  ['application/vnd.oasis.opendocument.text', 'application/vnd.oasis.opendocument.text'],
  ['text/html', 'text/html'],
  ['text/plain;', 'text/plain'],
  ['text/plain; ;a=b', 'text/plain; a=b'],
  ['text/plain; charset=utf-7', 'text/plain'],
  ['text/plain; charset="UTF-7"; a=b', 'text/plain; a=b'],
  ['text/plain; charset=iso-2022-jp', 'text/plain'],
  ['application/x-www-form-urlencoded', null],
  ['application/x-www-form-urlencoded; charset=UTF-8', null],
  ['multipart/form-data; boundary=abc', null],
  ['', null],
  ['text', null],
  ['text/', null],
  ['/plain', null],
  ['text/pl ain', null],
  ['text/plain, text/html', null],
  ['text/plain; a', null],
  ['text/plain; a=', null],
  ['text/plain; a="b', null],
  ['text/plain a=b', null],
  ['text/plain\u00e9', null],
  [`text/${'x'.repeat(250)}`, `text/${'x'.repeat(250)}`],
  [`text/${'x'.repeat(251)}`, null],
  [`text/plain${';a=b'.repeat(60)}`, null],
])('%s is kept as %s', (header, expected) => {
  expect(storedContentType(header)).toBe(expected);
});

it('keeps only what can be sent back, and keeps that as it is', () => {
  const token = fc.stringMatching(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,12}$/);
  const parameter = fc.tuple(token, token).map(([name, value]) => `${name}=${value}`);
  fc.assert(
    fc.property(fc.tuple(token, token, fc.array(parameter, { maxLength: 4 })), ([type, subtype, parameters]) => {
      const stored = storedContentType([`${type}/${subtype}`, ...parameters].join(';'));
      if (stored === null) throw new Error('a well-formed type was refused');
      validateHeaderValue('content-type', stored);
      expect(storedContentType(stored)).toBe(stored);
    }),
  );
});
