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
  [['Host', 'a', 'Authorization', 'Bearer x'], undefined],
  [['authorization', 'Bearer x', 'Host', 'a', 'Authorization', 'Bearer y'], 'there is more than one Authorization header'],
])('H10 %j: %s', (rawHeaders, fault) => {
  expect(framingFault(rawHeaders)).toBe(fault);
});

it('lets HTTP/1.0 go without a Host', () => {
  expect(framingFault([], '1.0')).toBeUndefined();
  expect(framingFault(['Host', 'a', 'Host', 'b'], '1.0')).toBe('there is more than one Host header');
});

it('H10 knows no transfer coding in HTTP/1.0', () => {
  expect(framingFault(['Transfer-Encoding', 'chunked'], '1.0')).toBe('HTTP/1.0 has no Transfer-Encoding');
});

it.each(['2.0', '0.9', '1.2', '3.0'])('H10 refuses what says that it is HTTP/%s', (version) => {
  expect(framingFault(['Host', 'a'], version)).toBe('its version is not HTTP/1.1');
});
