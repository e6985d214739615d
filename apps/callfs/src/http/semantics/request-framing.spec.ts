import { expect, it } from 'vitest';
import { framingFault } from './request-framing';

it.each<[string[], string | undefined]>([
  [['Host', 'a'], undefined],
  [['hOST', ''], undefined],
  [['Host', 'a', 'Transfer-Encoding', 'chunked'], undefined],
  [['Host', 'a', 'transfer-encoding', ' Chunked '], undefined],
  [['Accept', 'host', 'X', 'y'], 'the Host header is missing'],
  [['Host', 'a', 'host', 'a'], 'there is more than one Host header'],
  [['Host', 'a', 'Transfer-Encoding', 'gzip, chunked'], 'the only transfer coding understood is "chunked"'],
  [['Transfer-Encoding', 'identity', 'Host', 'a'], 'the only transfer coding understood is "chunked"'],
])('H10 %j: %s', (rawHeaders, fault) => {
  expect(framingFault(rawHeaders)).toBe(fault);
});

it('lets HTTP/1.0 go without a Host', () => {
  expect(framingFault([], true)).toBeUndefined();
  expect(framingFault(['Host', 'a', 'Host', 'b'], true)).toBe('there is more than one Host header');
});
