import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileGlob, matchTokens, parse } from './glob';

describe('compileGlob', () => {
  it.each<[pattern: string, matching: string[], others: string[]]>([
    ['*', ['', 'a', '.hidden', 'a b'], []],
    ['*.txt', ['.txt', 'a.txt', 'a.txt.txt'], ['a.txt ', 'a.TXT', 'txt']],
    ['a?c', ['abc', 'a😀c', 'aéc'], ['ac', 'abbc']],
    ['a*b*c', ['abc', 'aXbYc', 'abbcc'], ['acb', 'ab', 'abcd']],
    ['[a-c]1', ['a1', 'c1'], ['d1', 'A1', 'a2', '1']],
    ['[!a-c]1', ['d1', 'A1'], ['a1', '1']],
    ['[]x]', [']', 'x'], ['[', '']],
    ['[!]x]', ['a'], [']', 'x']],
    ['[a-]', ['a', '-'], ['b']],
    ['[\\]\\-]', [']', '-'], ['\\']],
    ['[א-ת]*', ['שלום'], ['shalom']],
    ['[😀-😂]', ['😁'], ['\ud83d', 'a']],
    ['\\*\\?\\[\\\\', ['*?[\\'], ['a?[\\']],
    ['a.c', ['a.c'], ['abc']],
    ['(a|b)+', ['(a|b)+'], ['a']],
    ['cafe\u0301', ['caf\u00e9'], ['cafe']],
    [']', [']'], []],
    ['^$', ['^$'], ['']],
  ])('%s', (pattern, matching, others) => {
    const glob = compileGlob(pattern);
    for (const name of matching) expect([name, glob.matches(name)]).toEqual([name, true]);
    for (const name of others) expect([name, glob.matches(name)]).toEqual([name, false]);
  });

  it.each(['', 'a/b', '[', '[a', '[!', '[]', 'a\\', '[z-a]', '[a\\', 'a'.repeat(1025)])('refuses %s', (pattern) => {
    expect(() => compileGlob(pattern)).toThrow(expect.objectContaining({ code: 'INVALID_REQUEST' }));
  });

  it('matches as a regular expression of the same meaning does', () => {
    const piece = fc.constantFrom('*', '?', 'a', 'b', '[ab]', '[!a]', '\\*');
    const regexes: Record<string, string> = { '*': '.*', '?': '.', '[!a]': '[^a]', '\\*': '\\*' };
    fc.assert(
      fc.property(
        fc.array(piece, { minLength: 1, maxLength: 8 }),
        fc.string({ unit: fc.constantFrom('a', 'b', '*'), maxLength: 10 }),
        (pieces, name) => {
          const regex = new RegExp(`^${pieces.map((p) => regexes[p] ?? p).join('')}$`, 's');
          expect(compileGlob(pieces.join('')).matches(name)).toBe(regex.test(name));
        },
      ),
      { numRuns: 2000 },
    );
  });

  it('D5 looks at characters at most pattern × name times, however it is provoked', () => {
    const name = Array.from('a'.repeat(255), (char) => char.charCodeAt(0));
    for (const pattern of ['*a'.repeat(120) + 'b', '*a*a*a*a*a*a*b', '?*'.repeat(120) + 'b', '*' + 'a'.repeat(254) + 'b']) {
      let looks = 0;
      const counted = new Proxy(name, {
        get: (target, key) => {
          if (key !== 'length') looks++;
          return Reflect.get(target, key) as unknown;
        },
      });
      const tokens = parse(pattern);
      expect(matchTokens(tokens, counted)).toBe(false);
      expect(looks).toBeGreaterThan(0);
      expect(looks).toBeLessThanOrEqual((tokens.length + 1) * (name.length + 1));
    }
  });
});
