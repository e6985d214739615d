import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseDictionary, type MemberValue } from './structured-dictionary';

const hi = Buffer.from('hi');

describe('parseDictionary', () => {
  it.each<[string, [string, MemberValue][] | undefined]>([
    ['', []],
    ['a=:aGk=:', [['a', hi]]],
    ['a=:aGk:', [['a', hi]]],
    ['a=::', [['a', Buffer.alloc(0)]]],
    ['a=1', [['a', 1]]],
    ['a=-10', [['a', -10]]],
    [' a=1 ', [['a', 1]]],
    [
      'a=1,b=:aGk=: \t,\t *c.d-e_f=3',
      [
        ['a', 1],
        ['b', hi],
        ['*c.d-e_f', 3],
      ],
    ],
    ['a=1, a=2', [['a', 2]]],
    ['a=:aGk=:;x;y=1;z="q\\"";w=tok/en;v=?0;u=:aGk=:;t=1.5', [['a', hi]]],
    ['a=1,', undefined],
    [',a=1', undefined],
    ['a=1,,b=2', undefined],
    ['a=1 b=2', undefined],
    ['a', undefined],
    ['a=', undefined],
    ['A=1', undefined],
    ['a =1', undefined],
    ['a= 1', undefined],
    ['a=1.5', undefined],
    ['a="s"', undefined],
    ['a=(1 2)', undefined],
    ['a=:aG k:', undefined],
    ['a=:aGk=', undefined],
    ['a=aGk=', undefined],
    ['a=:_-8=:', undefined],
    ['a=1234567890123456', undefined],
    ['a=1;X=1', undefined],
  ])('%s', (header, expected) => {
    const members = parseDictionary(header);
    expect(members && [...members]).toEqual(expected);
  });

  it('reads back every dictionary of bytes', () => {
    const key = fc.stringMatching(/^[a-z*][a-z0-9_.*-]{0,10}$/);
    fc.assert(
      fc.property(fc.dictionary(key, fc.uint8Array({ maxLength: 70 }), { noNullPrototype: true }), (dictionary) => {
        const entries = Object.entries(dictionary).map(([name, bytes]): [string, Buffer] => [name, Buffer.from(bytes)]);
        const header = entries.map(([name, bytes]) => `${name}=:${bytes.toString('base64')}:`).join(', ');
        expect([...(parseDictionary(header) ?? [])]).toEqual(entries);
      }),
    );
  });
});
