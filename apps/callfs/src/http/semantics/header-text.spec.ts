import { validateHeaderValue } from 'node:http';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { extendedValue, headerText } from './header-text';

it.each([
  ['alice', 'alice'],
  ['a b%20c', 'a b%20c'],
  ['', ''],
  ['שלום', "UTF-8''%D7%A9%D7%9C%D7%95%D7%9D"],
  ['café', "UTF-8''caf%C3%A9"],
  ['a\r\nX: y', "UTF-8''a%0D%0AX%3A%20y"],
  [' a', "UTF-8''%20a"],
  ["UTF-8''a", "UTF-8''UTF-8%27%27a"],
  ["utf-8'en'a", "UTF-8''utf-8%27en%27a"],
  ['\ud800', "UTF-8''%EF%BF%BD"],
])('%j becomes %s', (text, expected) => {
  expect(headerText(text)).toBe(expected);
});

it('is a header value that Node sends, and tells every text apart', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const value = headerText(text);
      validateHeaderValue('x-callfs-owner', value);
      expect(value.startsWith("UTF-8''") ? decodeURIComponent(value.slice(7)) : value).toBe(text);
    }),
  );
});

it('writes only the characters of RFC 8187', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      expect(extendedValue(text)).toMatch(/^UTF-8''(?:[A-Za-z0-9!#$&+\-.^_`|~]|%[0-9A-F]{2})*$/);
    }),
  );
});
